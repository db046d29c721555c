#!/bin/sh
# The platform guest in vmxsim: test_guest.sh VMXSIM GUEST_FOLDER multiboot|disk|endings|vmx 32|64 PROCESSORS
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

# expect STATUS ARGUMENTS...: the exit status of a run, whose output goes to $work/out. What vmxsim itself says about
# failed VM entries, which benchmarks are full of, is not in it.
expect() {
  wanted=$1
  shift
  "$vmxsim" run --smp "$processors" "$@" >"$work/raw" 2>"$work/errors"
  status=$?
  grep -v '^shared: order' "$work/raw" >"$work/out"
  [ "$status" -eq "$wanted" ] || { cat "$work/raw" "$work/errors"; fail "status $status, expected $wanted: $*"; }
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
bench vmcall: rounds 1, checksum 7e1c9c990f3928ab
bench cpuid: rounds 1, checksum b9536573390660d9
bench vmlaunch_control: rounds 1, checksum 552b70cc886cdcf1
bench vmlaunch_guest: rounds 1, checksum 35ea24ddaac2078d
bench vmread: rounds 1, checksum 02e91993c18f0937
TEXT
}

# The VMX examples, as Bochs prints them, too.
enter_lines() {
  cat <<'TEXT'
exit 18 (VMCALL) at +5: AX 1 BX 0 CX 0 DX 0
exit 10 (CPUID) at +13: AX 40000000 BX 0 CX 0 DX 0
exit 12 (HLT) at +15: AX 40000000 BX 204d4d56 CX 6720666f DX 74736575
exit 18 (VMCALL) at +18: AX 0 BX 204d4d56 CX 6720666f DX 74736575
guest: +21, flags 46, activity state 0, interruptibility 0
vmx=enter: the guest has ended
TEXT
}

debug_lines() {
  cat <<'TEXT'
single step, the guest's IDT
  the guest's #DB handler: from +0, DR6 ffff4ff0
  end at +4
single step, exception bitmap
  exit 0: interruption information 80000301, qualification 4000, at +0, DR6 ffff0ff0
  end at +4
breakpoint 0, the guest's IDT
  the guest's #DB handler: from +0, DR6 ffff0ff1
  end at +4
breakpoint 0, exception bitmap
  exit 0: interruption information 80000301, qualification 1, at +0, DR6 ffff0ff0
  end at +4
single step, and TF is set
  the guest's #DB handler: from +0, DR6 ffff4ff0
  the guest's #DB handler: from +1, DR6 ffff4ff0
  the guest's #DB handler: from +2, DR6 ffff4ff0
  the guest's #DB handler: from +4, DR6 ffff4ff0
  end at +4
single step, but an external interrupt is injected
  the guest's interrupt handler: from +0, DR6 ffff0ff0
  end at +4
vmx=debug: done
TEXT
}

mtf_lines() {
  cat <<'TEXT'
MTF: +5 +6 +5 +6 +8 +13 +13 +13 +15 +28 +20 +29 +22 +29 +23 +25
VMCALL at +25
vmx=mtf: done
TEXT
}

many_lines() {
  case $processors in
  1) way=" 0" result=b572c0d5 ;;
  4) way=" 1 2 3 0" result=fd3771 ;;
  esac
  head -n $((2 * processors)) <<'TEXT'
processor 0, VM 0: 8 turns, result d50707a1
processor 0, VM 1: 8 turns, result 877834a2
processor 1, VM 0: 8 turns, result 39e961a3
processor 1, VM 1: 8 turns, result ec5a8ea4
processor 2, VM 0: 8 turns, result 9ecbbba5
processor 2, VM 1: 8 turns, result 513ce8a6
processor 3, VM 0: 8 turns, result 3ae15a7
processor 3, VM 1: 8 turns, result b61f42a8
TEXT
  echo "VM 0 on the way:$way, result $result"
  echo "vmx=many: $processors processors, done"
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
vmx)
  expect 0 --append "vmx=enter vmx=debug vmx=mtf vmx=many" "$folder/guest$bits.elf"
  { enter_lines; debug_lines; mtf_lines; many_lines; } >"$work/expected"
  compare
  expect 0 --append "vmx=capabilities" "$folder/guest$bits.elf"
  grep -q '^Primary VM-exit controls (MSR 48f): must be 1 ' "$work/out" || fail "no capability MSR"
  grep -q '^  HLT exiting: 0 or 1$' "$work/out" || fail "no control"
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
