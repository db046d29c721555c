#!/bin/sh
# The platform guest in vmxsim: test_guest.sh VMXSIM GUEST_FOLDER multiboot|disk|endings 32|64 PROCESSORS
#
# What it prints is known but for times and the order in which processors meet; those lines are left out.
set -u
vmxsim=$1 folder=$2 kind=$3 bits=$4 processors=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$*" >&2
  exit 1
}

# expect STATUS ARGUMENTS...: the exit status of a run, whose output goes to $work/out.
expect() {
  wanted=$1
  shift
  "$vmxsim" run --smp "$processors" "$@" >"$work/raw" 2>&1
  status=$?
  grep -v '^shared: order' "$work/raw" >"$work/out"
  [ "$status" -eq "$wanted" ] || { cat "$work/raw"; fail "status $status, expected $wanted: $*"; }
}

mode() {
  case $bits in
  32) echo "protected mode, PAE paging" ;;
  64) echo "IA-32e mode, 4-level paging" ;;
  esac
}

smp_lines() {
  echo "$(mode), $processors processors"
  i=0
  way=
  while [ $i -lt "$processors" ]; do
    echo "task for processor $i: ran on $i, APIC $i"
    i=$((i + 1))
    way="$way $((i % processors))"
  done
  echo "on the way:$way"
}

shared_line() {
  case $processors in
  1) sum=b4c367443fd4dcda ;;
  2) sum=1d62c53f9d579472 ;;
  4) sum=bb63eff3f2e9bfb8 ;;
  esac
  echo "shared: $processors processors, rounds 4000, sum $sum"
}

bench_lines() {
  cat <<'TEXT'
bench xorshift: rounds 1, checksum 652cf958c2958ad6
bench sieve: rounds 1, checksum 3ce8cc326c4fe8af
bench fib: rounds 1, checksum 00006401b3f62264
bench sha256: rounds 1, checksum b64c7b8493fab7ad
bench random: rounds 1, checksum 08ad3abc635acc29
bench strings: rounds 1, checksum bcf3c5f7701406b0
bench matrix: rounds 1, checksum 37dcdf5cd791763b
TEXT
}

compare() {
  diff "$work/expected" "$work/out" || fail "the output is another"
}

case $kind in
multiboot)
  expect 0 --append "smp shared=4000 bench=all rounds=1" "$folder/guest$bits.elf"
  { smp_lines; shared_line; bench_lines; } >"$work/expected"
  compare
  ;;
disk) # with the command line that is in the image
  expect 0 "$folder/guest$bits.img"
  { smp_lines; bench_lines; } >"$work/expected"
  compare
  ;;
endings)
  expect 2 --append "bench=nothing" "$folder/guest$bits.elf"
  expect 1 --memory 64M --append "smp" "$folder/guest$bits.elf"
  expect 3 --append "smp fault" "$folder/guest$bits.elf"
  grep -q '^exception 6, error code 0 at 8:' "$work/out" || fail "no report of the exception"
  grep -q ', exception, 6, ' "$work/out" || fail "no debug record of the exception"
  expect 0 --append "smp dump" "$folder/guest$bits.elf"
  grep -q "^system: $(mode), .* processors $processors, in service $processors," "$work/out" || fail "no system block"
  [ "$(grep -c '^processor .* stage 3,' "$work/out")" -eq "$processors" ] || fail "not every processor is in service"
  ;;
esac
