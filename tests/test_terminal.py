"""vmxsim run --input - on a terminal: keys as they are pressed, prompts, Ctrl-C, the terminal as it was.

    test_terminal.py VMXSIM
"""
import fcntl
import os
import pty
import select
import subprocess
import sys
import tempfile
import termios
import time

# Prints "> ", then every key by INT 10H, until "q"; exit 3.
ECHO = bytes.fromhex("b40eb03ecd10b020cd10 30e4cd16b40ecd103c7175f4 b003e6f4")


def sector(code):
    file = tempfile.NamedTemporaryFile(suffix=".img")
    file.write(code.ljust(510, b"\0") + b"\x55\xaa")
    file.flush()
    return file


def read_until(master, text):
    got = b""
    while text not in got:
        assert select.select([master], [], [], 30)[0], (text, got)
        got += os.read(master, 100)
    return got


def session(vmxsim, code, keys, *options):
    """Starts a run with these options, waits for its prompt and for each key's echo; the exit status."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with sector(code) as image:
        run = subprocess.Popen([vmxsim, "run", "--input", "-", *options, image.name], stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True,
                               preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        read_until(master, b"> ")
        for key, echo in keys:
            os.write(master, key)
            read_until(master, echo)
        status = run.wait(timeout=30)
    assert termios.tcgetattr(slave) == before, "the terminal is not as it was"
    return status


vmxsim = sys.argv[1]
assert session(vmxsim, ECHO, [(b"a", b"a"), (b"b", b"b"), (b"\r", b"\r"), (b"q", b"q")]) == 3
assert session(vmxsim, ECHO, [(b"a", b"a"), (b"\x03", b"interrupted")]) == 130
# The same prompt, then HLT with all interrupt lines masked: nothing but Ctrl-C ends that.
HALT = bytes.fromhex("b40eb03ecd10b020cd10 b0ffe621e6a1 fbf4ebfd")
for again in range(5):  # Ctrl-C takes back the key before it, at times just when it is being read
    assert session(vmxsim, HALT, [(b"a", b""), (b"\x03", b"interrupted")]) == 130
# Half a second of waiting for a key is half a second here.
begin = time.monotonic()
assert session(vmxsim, ECHO, [], "--max-cycles", "1000000000") == 125
assert time.monotonic() - begin > 0.4
