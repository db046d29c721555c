#!/usr/bin/env python3
"""The JSON Schema of scenarios and the reader agree: on every scenario that there is, and on what is wrong with these.

test_schema.py VMXSIM SOURCE_DIRECTORY; exit status 77 (skipped) without the modules yaml and jsonschema.
"""
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError:
    sys.exit(77)

command, source = sys.argv[1], pathlib.Path(sys.argv[2])
schema = json.loads((source / "docs/scenario.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
failures = 0


def check(good, what):
    global failures
    if not good:
        failures += 1
        print("not ok -", what)


def reader_takes(document):
    """Whether `vmxsim run` reads it, whatever comes of it."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(document, file, default_style='"')
        file.flush()
        return subprocess.run([command, "run", file.name], capture_output=True, timeout=60).returncode != 2


def paths(node, at=()):
    """Every mapping in a document."""
    if isinstance(node, dict):
        yield at
        for key, value in node.items():
            yield from paths(value, at + (key,))
    elif isinstance(node, list):
        for n, value in enumerate(node):
            yield from paths(value, at + (n,))


def changed(document, at, key, value):
    copied = copy.deepcopy(document)
    node = copied
    for part in at:
        node = node[part]
    node[key] = value
    return copied


def strict(at):
    """Where the schema knows all keys: not among VMCS fields and registers, whose names it does not list."""
    if not at or at[0] in ("guest", "host"):
        return len(at) <= 1
    return at[0] in ("steps", "run") and len(at) == 2


count = 0
for path in sorted((source / "testvectors/scenarios").glob("**/*.yaml")):
    # Scalars as the reader sees them: texts.
    for document in yaml.load_all(path.read_text(), yaml.BaseLoader):
        if not document or "scenario" not in document:
            continue
        count += 1
        errors = list(validator.iter_errors(document))
        check(not errors, f"{path.name}: {errors[0].message[:200] if errors else ''}")
        if count > 12:
            continue
        for at in paths(document):
            if not strict(at):
                continue
            wrong = changed(document, at, "no_such_key", "1")
            check(not validator.is_valid(wrong), f"{path.name}: the schema takes no_such_key in {at}")
            check(not reader_takes(wrong), f"{path.name}: the reader takes no_such_key in {at}")
print(f"{count} scenarios")
sys.exit(1 if failures or not count else 0)
