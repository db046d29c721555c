#!/bin/sh
# libvmxsim-checks and libvmxsim-vmx need nothing but memcpy and friends, which every freestanding environment has.
set -eu
allowed='memcpy|memset|memmove|memcmp|__udivdi3|__umoddi3|__asan.*|__ubsan.*|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__start___sancov.*|__stop___sancov.*|__sanitizer.*'
undefined=$(nm -A "$1" 2>/dev/null | awk '$2 == "U" {print $3}' | sort -u)
defined=$(nm "$1" 2>/dev/null | awk 'NF == 3 {print $3}' | sort -u)
missing=$(printf '%s\n' "$undefined" | grep -vxF "$defined" | grep -vxE "$allowed" || true)
if [ -n "$missing" ]; then
  echo "$1 is not freestanding, it wants: $missing"
  exit 1
fi
echo "$1 is freestanding"
