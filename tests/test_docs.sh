#!/bin/sh
# Generated documents are those that the tables give today (./dev docs writes them).
set -eu
command=$1 source=$2
"$command" rules | cmp - "$source/docs/rules.md" || { echo "docs/rules.md is out of date: run ./dev docs"; exit 1; }
"$command" fields --format md | cmp - "$source/docs/fields.md" || { echo "docs/fields.md is out of date: run ./dev docs"; exit 1; }
echo "generated documents are up to date"
