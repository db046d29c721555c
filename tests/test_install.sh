#!/bin/sh
# What is installed, wherever, is what another project's build finds: pkg-config, headers, library, command.
#   test_install.sh BUILD_DIRECTORY SOURCE_DIRECTORY
set -eu
command -v pkg-config >/dev/null || exit 77 # skipped
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/there" >"$work/log" || { cat "$work/log"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$work/there" -name vmxsim.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
cc "$source/examples/check_vmcs.c" $(pkg-config --cflags --libs vmxsim) -o "$work/example"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir vmxsim) "$work/example" | grep -q "guest.cr0.pg-requires-pe"
# Version 0: each minor version is a library of its own.
version=$(pkg-config --modversion vmxsim)
case $(uname -s) in
Linux) [ -e "$(pkg-config --variable=libdir vmxsim)/libvmxsim.so.${version%.*}" ] || { echo "no soname ${version%.*}"; exit 1; } ;;
esac
# The umbrella includes every header.
includes=$(pkg-config --variable=includedir vmxsim)/vmxsim
for header in "$includes"/*.h; do
  name=vmxsim/$(basename "$header")
  [ "$name" = vmxsim/vmxsim.h ] || grep -qF "#include \"$name\"" "$includes/vmxsim.h" || { echo "no $name"; exit 1; }
done
"$work/there/bin/vmxsim" --version | grep -q "^vmxsim"
