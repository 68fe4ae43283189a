#!/bin/sh
# Packs flametop with the libraries it needs into one file that runs on any Linux of this architecture, with whatever C
# library or none: the loader goes along. (A static program it cannot be: libcJSON and what libmicrohttpd's TLS needs
# exist as shared libraries only.)
#
# usage: portable.sh PROGRAM FILE
set -eu
program=$1 file=$2
PATH=$PATH:/sbin:/usr/sbin

# What is opened at run time: the agent's HTTP server. The monitor's client, libcurl, is as large again and stays out.
server=$(ldconfig -p | sed -n 's/.*libmicrohttpd\.so\.12 .*=> //p' | head -n 1)
[ -n "$server" ] || { echo "portable.sh: libmicrohttpd.so.12 is not installed" >&2; exit 1; }
# And what receives gRPC, which needs nothing else; without it who speaks gRPC is told what to set.
grpc=$(ldconfig -p | sed -n 's/.*libnghttp2\.so\.14 .*=> //p' | head -n 1)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/new"
cp "$program" "$folder/new/program"
strip "$folder/new/program" 2>/dev/null || true
cp -L "$server" "$folder/new/"
[ -z "$grpc" ] || cp -L "$grpc" "$folder/new/"
ldd "$program" "$server" | sed -n 's/.*=> \(\/[^ ]*\) (.*/\1/p' | sort -u | while read -r library; do
  cp -L "$library" "$folder/new/"
done
# The loader by the name of the program: that is what ps shows.
loader=$(ldd "$program" | sed -n 's/^[[:space:]]*\(\/[^ ]*ld[^ ]*\) (.*/\1/p')
cp -L "$loader" "$folder/new/flametop"
chmod 755 "$folder/new"/*

tar -C "$folder/new" --sort=name --owner=0 --group=0 --mtime=@0 -cf - . | gzip -9n >"$folder/packed"
key=$(sha256sum "$folder/packed" | cut -c 1-16)

cat >"$folder/head" <<END
#!/bin/sh
# flametop for Linux on $(uname -m), with the libraries it needs. Unpacks itself once, below ~/.cache/flametop.
[ "\$(uname -m)" = $(uname -m) ] || { echo "flametop: this one is for $(uname -m)" >&2; exit 126; }
cache="\${XDG_CACHE_HOME:-\${HOME:-/nonexistent}/.cache}/flametop"
place="\$cache/$key"
if [ ! -x "\$place/flametop" ]; then
  umask 077
  mkdir -p "\$cache" && new=\$(mktemp -d "\$cache/new-XXXXXX") || exit 126
  tail -n +LINES "\$0" | gzip -dc | tar -xf - -C "\$new" && mv "\$new" "\$place" 2>/dev/null
  [ ! -d "\$new" ] || rm -rf "\$new"
  rm -rf "\$place"/new-??????
  [ -x "\$place/flametop" ] || { echo "flametop: cannot be unpacked in \$cache" >&2; exit 126; }
fi
PORTABLE_FLAMETOP=\$0
export PORTABLE_FLAMETOP
exec "\$place/flametop" --library-path "\$place" --argv0 flametop "\$place/program" "\$@"
END
lines=$(($(wc -l <"$folder/head") + 1))
sed -i "s/+LINES/+$lines/" "$folder/head"
cat "$folder/head" "$folder/packed" >"$file"
chmod 755 "$file"
