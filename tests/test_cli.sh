#!/bin/sh
# The command as a user meets it: exit statuses and what the output must have in it. Prints TAP.
#   test_cli.sh VMXSIM SOURCE_DIRECTORY
set -u
command=$1 source=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0 failed=0
unset NO_COLOR LC_ALL COLUMNS

# expect TITLE STATUS PATTERN COMMAND...: the status, and a line of either stream that has the pattern ("" for any).
expect() {
  title=$1 status=$2 pattern=$3
  shift 3
  "$@" >"$work/out" 2>"$work/err" </dev/null
  got=$?
  cat "$work/out" "$work/err" >"$work/both"
  number=$((number + 1))
  if [ "$got" -eq "$status" ] && { [ -z "$pattern" ] || grep -q -e "$pattern" "$work/both"; }; then
    echo "ok $number - $title"
  else
    failed=$((failed + 1))
    echo "not ok $number - $title"
    echo "# status $got, expected $status; looked for: $pattern"
    sed 's/^/# /' "$work/both" | head -20
  fi
}

# absent TITLE PATTERN: the last output has no such line.
absent() {
  number=$((number + 1))
  if grep -q -e "$2" "$work/both"; then
    failed=$((failed + 1))
    echo "not ok $number - $1"
  else
    echo "ok $number - $1"
  fi
}

v=$command
printf 'GUEST_RFLAGS 0x2\nVM_ENTRY_INTR_INFO_FIELD 0x800000d1\nGUEST_CR0 0x80050033\n' >"$work/broken.txt"
printf 'GUEST_RFLAGS 0x202\nGUEST_CR0 0x80050033\nGUEST_CR4 0x2020\n' >"$work/partial.txt"
printf 'GUEST_RFLAGS 0x0\nGUEST_CR0 0x80050033\n\nGUEST_RIPP 0x1000\n' >"$work/typos.txt"
echo 'VMLAUNCH failed with error 7' >"$work/message.txt"
echo '{"guest_cr0": "0x31"}' >"$work/fields.json"
cat >"$work/good.yaml" <<'END'
template: long-mode
cpu: skylake-server
END
cat >"$work/failing.yaml" <<'END'
vector: paging-without-protection
about: expects success where there is none
template: long-mode
cpu: skylake-server
vmcs: {guest_cr0: {clear: [pe]}}
expect: success
END

# The call
expect "no command" 2 "usage: vmxsim" "$v"
expect "--help" 0 "usage: vmxsim" "$v" --help
expect "--version" 0 "^vmxsim [0-9]" "$v" --version
expect "a mistyped command" 2 "did you mean check" "$v" chekc
expect "a mistyped option" 2 "did you mean --strict" "$v" check --strickt "$work/broken.txt"
expect "a choice that is none" 2 "auto|always|never" "$v" check --color maybe "$work/broken.txt"
expect "an option without its value" 2 "needs a value" "$v" check --cpu
for c in check explain fields cpu test rules; do
  expect "$c --help" 0 "usage: vmxsim $c" "$v" $c --help
done
expect "a file in the place of a command" 2 "vmxsim check" "$v" "$work/broken.txt"
expect "... which may be an image" 2 "vmxsim run $work/broken.txt" "$v" "$work/broken.txt"
expect "a command like no other" 2 "vmxsim --help lists them" "$v" foo
absent "... is not taken for one" "did you mean"

# check
expect "a broken rule" 1 "guest.rflags.if-when-injecting-external-interrupt" "$v" check "$work/broken.txt"
expect "... with its field" 1 "guest_rflags  *6820  *0x0000000000000002" "$v" check "$work/broken.txt"
expect "... the manual" 1 'SDM 3C, "Checks on Guest RIP, RFLAGS, and SSP"' "$v" check "$work/broken.txt"
expect "... and what to do" 1 "fix: " "$v" check "$work/broken.txt"
absent "no escape codes outside a terminal" "$(printf '\033')"
expect "--color always" 1 "$(printf '\033')" "$v" check --color always "$work/broken.txt"
expect "nothing broken, nothing undecided" 0 "VM entry succeeds   .certain" "$v" check --strict "$work/good.yaml"
expect "nothing broken, much undecided" 0 "not certain" "$v" check "$work/partial.txt"
expect "--strict" 1 "" "$v" check --strict "$work/partial.txt"
expect "-v lists undecided checks" 0 "^  *guest.cr3.reserved-bits\|^  *guest.cr3" "$v" check -v "$work/partial.txt"
expect "a processor" 1 "processor haswell,+sgx" "$v" check --cpu haswell,+sgx "$work/broken.txt"
expect "a mistyped processor" 2 "did you mean haswell" "$v" check --cpu haswel "$work/broken.txt"
expect "a mistyped feature" 2 "did you mean" "$v" check --cpu haswell,+unrestricted_gest "$work/broken.txt"
expect "a missing file" 2 "No such file" "$v" check "$work/nothing"
expect "a directory" 2 "directory" "$v" check "$work"
expect "an empty file" 2 "" "$v" check /dev/null
expect "a text without a VMCS" 2 "" "$v" check "$source/LICENSE"
expect "one good and one bad file" 2 "if-when-injecting" "$v" check "$work/nothing" "$work/broken.txt"
expect "standard input" 2 "standard input" "$v" check -
expect "JSON" 1 '"schema": "vmxsim-check"' "$v" check --format json "$work/broken.txt"
expect "... with encodings" 1 '"encoding": "0x6820"' "$v" check --format=json "$work/broken.txt"
if command -v python3 >/dev/null; then
  for c in "check $work/broken.txt" "fields" "cpu list" "cpu show max" "rules"; do
    # shellcheck disable=SC2086
    expect "valid JSON: ${c%% *}" 0 "" sh -c "'$v' $c --format json | python3 -m json.tool"
  done
fi

expect "a name that names no field" 1 "line 4: GUEST_RIPP (did you mean guest_rip?)" "$v" check "$work/typos.txt"
expect "... in JSON" 1 '"GUEST_RIPP"' "$v" check --format json "$work/typos.txt"
expect "a message alone" 2 "only says how the entry ended: VMfailValid(7)" "$v" check "$work/message.txt"
expect "fields where keys of a case belong" 2 '1:2: .*go under the key "vmcs"' "$v" check "$work/fields.json"
expect "an option cut short" 1 '"schema": "vmxsim-check"' "$v" check --form json "$work/broken.txt"
expect "... to what begins several" 2 "no option --" "$v" check --f json "$work/broken.txt"
expect "what begins several processors' names" 2 "did you mean skylake-client, skylake-server?" "$v" check --cpu skylake "$work/broken.txt"
expect "a FIFO" 1 "if-when-injecting" sh -c "mkfifo '$work/fifo' && (cat '$work/broken.txt' >'$work/fifo' &) && '$v' check '$work/fifo'"
yes 'a=0 0x1 (XEN) rip 0x' | head -c 20000000 >"$work/long.log"
{ echo && cat "$work/broken.txt"; } >>"$work/long.log"
expect "a long log" 1 "if-when-injecting-external-interrupt" "$v" check "$work/long.log"

# explain
expect "a keyword in quotes" 0 "invalid control field" "$v" explain "error 7"
expect "... with a qualification" 0 "access: mov_from_cr" "$v" explain "exit 28 qualification=0x13"
expect "... but names as they are" 0 "^field exit_reason" "$v" explain "exit reason"
expect "an error number" 0 "invalid control field" "$v" explain error 7
expect "an exit reason" 0 "EPT violation" "$v" explain 48
expect "an exit reason's value" 0 "entry_failure" "$v" explain 0x80000021
expect "a number of several meanings" 0 "VM-instruction error" "$v" explain 2
expect "a qualification" 0 "access: mov_from_cr" "$v" explain exit 28 qualification=0x13
expect "a field by Linux' name" 0 "guest_cs_access_rights" "$v" explain GUEST_CS_AR_BYTES
expect "a field by encoding" 0 "guest_rflags" "$v" explain 0x6820
expect "a control by Linux' name" 0 "primary.hlt_exiting" "$v" explain CPU_BASED_HLT_EXITING
expect "a control word" 0 "28  1  Use MSR bitmaps" "$v" explain CPU_BASED_VM_EXEC_CONTROL=0xb6a1e5fa
expect "access rights" 0 "code, execute/read, accessed" "$v" explain guest_cs_access_rights=0xa09b
expect "an event" 0 "#PF" "$v" explain vm_entry_interruption_information=0x80000b0e
expect "a check" 0 "Checks on Guest Control Registers" "$v" explain guest.cr0.pg-requires-pe
expect "a register's bit" 0 "bit 13" "$v" explain cr4.vmxe
expect "an MSR" 0 "ia32_vmx_misc" "$v" explain 0x485
expect "a value that is too wide" 2 "wider" "$v" explain guest_cs_selector=0x10000
expect "a value that is none" 2 "not a number" "$v" explain guest_cr0=abc
expect "a mistyped field" 2 "did you mean guest_cr0" "$v" explain guest_cro
expect "nothing to explain" 2 "explain what" "$v" explain
expect "a keyword and nothing behind it" 2 "explain error: which" "$v" explain error
expect "a number that is no error" 2 'no VM-instruction error "99"' "$v" explain error 99
expect "a number that is no exit reason" 2 'no exit reason "200"' "$v" explain exit 200
expect "a word that is no name" 2 'nothing is called "foo" (vmxsim fields and vmxsim rules list names)' "$v" explain foo

# fields, cpu, rules
expect "all fields" 0 "6820  guest_rflags" "$v" fields
expect "some fields" 0 "guest_es_base" "$v" fields 'guest_*_base'
absent "... and no others" "guest_cr0"
expect "fields of a processor" 0 "guest_cr0" "$v" fields --cpu merom
absent "... without those it lacks" "ept_pointer"
expect "a field that is none" 2 "no field matches" "$v" fields nothing_at_all
expect "processors" 0 "^skylake-server" "$v" cpu list
expect "a processor shown" 0 "0x48b  ia32_vmx_procbased_ctls2" "$v" cpu show skylake-server
cp "$work/out" "$work/shown.txt"
expect "... and imported" 0 "^profile: mine" "$v" cpu import "$work/shown.txt" --name mine
cp "$work/out" "$work/mine.yaml"
expect "... and used" 1 "mine.yaml" "$v" check --cpu "$work/mine.yaml" "$work/broken.txt"
expect "an import of nothing" 2 "" "$v" cpu import /dev/null
expect "cpu without anything" 2 "vmxsim cpu list" "$v" cpu
expect "a mistyped action" 2 "did you mean show" "$v" cpu shwo haswell
expect "... one without what it wants" 2 "vmxsim cpu show NAME" "$v" cpu show
expect "a mistyped processor to show" 2 "did you mean haswell" "$v" cpu show haswel
expect "an import of a directory" 2 "directory" "$v" cpu import "$work"
expect "a rule as the argument of rules" 2 "vmxsim explain guest.cr0" "$v" rules guest.cr0
expect "rules" 0 "^## Checks on Guest RIP, RFLAGS, and SSP" "$v" rules

# test
expect "a failing vector" 1 "1 failed" "$v" test "$work/failing.yaml"
expect "... beside what was found" 1 "found: .*exit reason 33\|found: VMfail" "$v" test "$work/failing.yaml"
expect "TAP" 1 "^not ok 1" "$v" test --format tap "$work/failing.yaml"
expect "JUnit" 1 "<failure" "$v" test --format junit "$work/failing.yaml"
expect "JSON" 1 '"passed": false' "$v" test --format json "$work/failing.yaml"
expect "... with its end" 1 '"unusable_files": 0' "$v" test --format json "$work/failing.yaml"
mkdir -p "$work/two/a" "$work/two/b"
cp "$work/failing.yaml" "$work/two/a"
cp "$work/failing.yaml" "$work/two/b"
expect "a table by folder" 1 "two/b  *0  *1$" "$v" test "$work/two"
expect "no coverage" 1 "no vector breaks" "$v" test --coverage "$work/failing.yaml"
expect "no vectors" 2 "which vectors" "$v" test
mkdir "$work/empty"
expect "a directory without vectors" 2 "no \*.yaml" "$v" test "$work/empty"
expect "vectors that are not there" 2 "No such file" "$v" test "$work/nothing"
expect "an option of another command" 2 "test: no option --cpu" "$v" test --cpu haswell "$work/failing.yaml"
expect "a vector file that is no YAML" 2 "" "$v" test "$source/LICENSE"
if [ -w /dev/full ]; then
  expect "output that cannot be written" 2 "cannot be written" sh -c "'$v' rules >/dev/full"
fi

# run: a boot sector that prints "ok" to port E9H and writes 3 to F4H; one that halts for ever; one that is none
sector() { # sector CODE-IN-OCTAL-ESCAPES
  printf "$1" >"$work/sector.img"
  truncate -s 510 "$work/sector.img"
  printf '\125\252' >>"$work/sector.img"
}
sector '\260\157\346\351\260\153\346\351\260\003\346\364\364'
expect "a boot sector" 3 "^ok" "$v" run "$work/sector.img"
expect "... with QEMU's exit status" 7 "" "$v" run --qemu-exit "$work/sector.img"
sector '\372\364'
expect "a guest that waits for ever" 126 "no progress" "$v" run "$work/sector.img"
expect "... and how" 126 "halted with interrupts off, at 0000:7c02" "$v" run "$work/sector.img"
sector '\353\376'
expect "a loop without end" 126 "> 7c00  jmp 0x7c00" "$v" run "$work/sector.img"
expect "a budget" 125 "cycles are used up" "$v" run --max-cycles 10000 "$work/sector.img"
sector '\260\157\346\351\364'
expect "a trace" 126 " 0 .*mov al, 0x6f" "$v" run --trace instructions,io "$work/sector.img"
expect "... of ports" 126 "port_write  *0xe9  1 bytes = 0x6f" "$v" run --trace io "$work/sector.img"
expect "... at addresses" 126 " 0 .*out 0xe9, al" "$v" run --trace instructions@0x7c02 "$work/sector.img"
absent "... and no others" "mov al, 0x6f"
expect "... as JSON" 126 '"event": "port_write".*"address": "0xe9"' "$v" run --trace io --format json "$work/sector.img"
expect "... to a file" 126 "" "$v" run --trace io --trace-file "$work/trace.txt" "$work/sector.img"
expect "... which has it" 0 "port_write" cat "$work/trace.txt"
for group in $(sed -n 's/^EVENT([^,]*, *\([a-z]*\),.*/\1/p' "$source/include/vmxsim/tables/events.def" | sort -u); do
  expect "--help has the events $group" 0 "^  .*\<$group\>" "$v" run --help
  expect "... as the manual page" 0 "^.Cm .*\<$group\>\( ,\|$\)" cat "$source/docs/vmxsim.1"
done
expect "a mistyped event" 2 "did you mean exceptions" "$v" run --trace exeptions "$work/sector.img"
expect "addresses that are none" 2 "expected addresses" "$v" run --trace io@7c00x "$work/sector.img"
expect "the end shows every processor" 126 "processor 1, waits for a start-up IPI" "$v" run --smp 2 "$work/sector.img"
sector '\363\017\270\301\372\364'
expect "an instruction set switched off" 125 "vector 0x06 #UD" "$v" run --cpu max,-popcnt --max-cycles 9999 --trace exceptions "$work/sector.img"
expect "... is there otherwise" 126 "no progress" "$v" run --trace exceptions "$work/sector.img"
absent "... without #UD" "#UD"

# run: "o", a hundred thousand rounds of a loop, "k", exit 3
sector '\260\157\346\351\146\271\240\206\001\000\146\111\165\374\260\153\346\351\260\003\346\364\364'
expect "a snapshot on the way" 3 "^ok" "$v" run --save "$work/half.snapshot" --save-at 50000 "$work/sector.img"
expect "... goes on from there" 3 "^k" "$v" run --restore "$work/half.snapshot" "$work/sector.img"
expect "... not on another machine" 2 "another configuration" "$v" run --smp 2 --restore "$work/half.snapshot" "$work/sector.img"
expect "... not from another file" 2 "" "$v" run --restore "$work/sector.img" "$work/sector.img"
expect "--save without --save-at" 2 "go together" "$v" run --save "$work/x" "$work/sector.img"
expect "cycles that are no number" 2 "expected a whole number" "$v" run --max-cycles many "$work/sector.img"
expect "too many processors" 2 "expected 1 to 64" "$v" run --smp 65 "$work/sector.img"
sector '\146\100\353\374'
expect "Ctrl-C" 130 "processor 0, active, at 0000:7c0" timeout --preserve-status -s INT 1 "$v" run "$work/sector.img"
for again in 1 2 3 4; do
  expect "... or two of them" 130 "> .*7c0" timeout --preserve-status -s INT 0.2 "$v" run "$work/sector.img"
done
expect "a serial port to where nothing can be" 2 "No such file" "$v" run --serial "$work/nothing/at" "$work/sector.img"
expect "an image that is none" 2 "neither Multiboot nor ELF, and no boot sector" "$v" run "$source/LICENSE"
expect "... but may be code" 2 "LICENSE: .*--flat ADDRESS" "$v" run "$source/LICENSE"
printf '\260\157\346\351\214\310\301\350\010\346\364' >"$work/flat.bin" # "o"; the high byte of CS to F4H
expect "a flat image" 8 "^o" "$v" run --flat 0x8000 "$work/flat.bin"
printf '\061\300\110\017\224\300\346\364' >"$work/flat.bin" # xor eax,eax; dec eax (64-bit: REX); sete al; F4H
expect "... of 32-bit code" 0 "" "$v" run --flat 0x100000 "$work/flat.bin"
expect "... of 64-bit code" 1 "" "$v" run --flat 0x100000,64 "$work/flat.bin"
expect "... beyond the RAM" 2 "flat.bin: .*does not fit" "$v" run --flat 0x80000000 "$work/flat.bin"
expect "... at what is no address" 2 "expected an address" "$v" run --flat here "$work/flat.bin"
expect "... of no size of code" 2 "expected an address" "$v" run --flat 0x8000,31 "$work/flat.bin"
expect "... without an image" 2 "which image" "$v" run --flat 0x8000
expect "an image that is not there" 2 "nothing: No such file" "$v" run "$work/nothing"
expect "an image that is a directory" 2 "empty: Is a directory" "$v" run "$work/empty"
expect "a module that is not there" 2 "nothing: No such file" "$v" run --initrd "$work/nothing" "$work/sector.img"
expect "a module for a boot sector" 2 "is no Multiboot image" "$v" run --initrd "$source/LICENSE" "$work/sector.img"
expect "no limit of cycles" 0 "0, the default: no limit" "$v" run --help
expect "run without an image" 2 "which image" "$v" run
expect "... because an option took it" 2 "memory .*sector.img: expected 2M to 1024G" "$v" run --memory "$work/sector.img"
expect "two images" 2 'one image, not "b" too' "$v" run a b
for size in 12X 0 1M -5 2000G; do
  expect "memory of $size" 2 "expected 2M to 1024G" "$v" run --memory $size "$work/sector.img"
done
expect "a mistyped processor to run on" 2 "did you mean haswell" "$v" run --cpu haswel "$work/sector.img"
expect "... by the letter that other commands have" 2 "did you mean haswell" "$v" run -c haswel "$work/sector.img"
expect "a mistyped option of run" 2 "did you mean --initrd" "$v" run --intird x "$work/sector.img"
expect "a timing model that is none" 2 "fixed|latency|memory" "$v" run --timing fats "$work/sector.img"

# run --input: guests that echo to port E9H until "q", then exit 3: by INT 16H, by looking at the serial port, by its
# interrupt with HLT between
printf 'more than sixteen bytes: q' >"$work/input"
sector '\060\344\315\026\346\351\074\161\165\366\260\003\346\364'
expect "keys" 3 "^more than sixteen bytes: q" "$v" run --input "$work/input" "$work/sector.img"
expect "... from the standard input" 3 "^more than .*: q" sh -c "'$v' run --input - '$work/sector.img' <'$work/input'"
expect "... to code without a format" 3 "^more than sixteen bytes: q" \
  "$v" run --input "$work/input" --flat 0x7c00 "$work/sector.img"
expect "... for as many cycles as are given" 125 ": 1[01][0-9]\{8\} cycles are used up" \
  "$v" run --input /dev/null --max-cycles 1000000000 "$work/sector.img"
expect "... not without" 125 "cycles are used up" "$v" run --max-cycles 1000000000 "$work/sector.img"
sector '\272\375\003\354\250\001\164\373\272\370\003\354\346\351\074\161\165\356\260\003\346\364'
expect "a serial port that is looked at" 3 "^more than sixteen bytes: q" "$v" run --input "$work/input" "$work/sector.img"
sector "\307\006\060\000\040\174\307\006\062\000\000\000\260\357\346\041\272\374\003\260\010\356\272\371\003\260\001\356\
\373\364\353\375\272\370\003\354\346\351\074\161\165\004\260\003\346\364\260\040\346\040\317"
expect "... that interrupts" 3 "^more than sixteen bytes: q" "$v" run --input "$work/input" "$work/sector.img"
expect "... and waits for slow input" 3 "^more than .*: q" \
  sh -c "(cut -c1-9 '$work/input' | tr -d '\\n'; sleep 0.4; cut -c10- '$work/input') | '$v' run --input - '$work/sector.img'"
expect "... until it ends" 126 "no progress" "$v" run --input /dev/null "$work/sector.img"
for run in 1 2; do
  "$v" run --input "$work/input" --trace interrupts,io --trace-file "$work/trace$run" "$work/sector.img" >"$work/out"
done
expect "... the same every time" 0 "" cmp "$work/trace1" "$work/trace2"
sector '\372\364'
expect "input that cannot be waited for" 126 "no progress" sh -c "sleep 2 | '$v' run --input - '$work/sector.img'"
expect "input from nowhere" 2 "nothing: No such file" "$v" run --input "$work/nothing" "$work/sector.img"

scenario=$source/testvectors/scenarios/exit-cpuid.yaml
expect "a scenario" 0 "VM exit 10 cpuid, guest RIP 0x100005 (query)" "$v" run "$scenario"
expect "... its exits counted" 0 "VM exits: 2 cpuid" "$v" run "$scenario"
expect "... every instruction" 0 "(query).*cpuid" "$v" run --trace instructions "$scenario"
expect "... as JSON" 0 '"scenario": "exit-cpuid", "passed": true' "$v" run --format json "$scenario"
sed 's/vm_exit_instruction_length: 2/vm_exit_instruction_length: 3/' "$scenario" >"$work/wrong.yaml"
expect "a scenario that is not as expected" 1 "expected: 0x3" "$v" run "$work/wrong.yaml"
expect "... in a test, with what led there" 1 "VM entry by VMLAUNCH" "$v" test "$work/wrong.yaml"
printf 'scenario: a\nhost:\n  asm: |\n    nop\n    mvo eax, 1\n' >"$work/wrong.yaml"
expect "code that is none, with its place" 2 "wrong.yaml:5:5: .*did you mean 'mov'" "$v" run "$work/wrong.yaml"
expect "an option that is for images" 2 "run: --memory is for images" "$v" run --memory 1G "$scenario"
expect "no scenario in it" 2 "no scenario" "$v" run "$source/testvectors/checks/basic.yaml"

echo "1..$number"
[ "$failed" -eq 0 ]
