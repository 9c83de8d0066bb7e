#!/bin/bash
# Runs the tests of heliacal-models with AVX-512 on a machine that has none: in the emulator Bochs, as a Skylake-X.
#
#   docs/avx512-in-bochs.sh FOLDER COMMAND...
#   docs/avx512-in-bochs.sh /tmp/emulated 'heliacal_models recurrent' 'HELIACAL_ISA=avx512 models recurrent_exact::gru'
#
# Each command is a line for the emulated machine's shell, where `heliacal_models` are the unit tests and `models` those of
# tests/models; HELIACAL_ISA keeps the latter to one instruction set. Their output comes as it appears and stays in
# FOLDER/avx512-in-bochs/console. Ends with 0 if all of them did.
#
# For Debian 12 with the packages bochs, bochsbios and libmagic1; five others are unpacked into FOLDER, not installed. That
# Bochs (2.7) has its debugger inside. BOCHS=PROGRAM BOCHS_DISPLAY=nogui takes another one: 3.0, configured with
# `--enable-cpu-level=6 --enable-x86-64 --enable-avx --enable-evex --enable-handlers-chaining --enable-repeat-speedups
# --disable-debugger --disable-show-ips --with-nogui`, is four to five times as fast.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: $0 FOLDER COMMAND..." >&2
    exit 2
fi
work=$(realpath -m "$1")/avx512-in-bochs
shift
cd "$(dirname "$0")/.."
repository=$PWD
tools=$work/tools
mkdir -p "$tools"

if [ ! -e "$tools/boot" ]; then
    kernel=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends:/ { print $2 }')
    (cd "$tools" && apt-get download busybox-static genisoimage isolinux syslinux-common "$kernel")
    for package in "$tools"/*.deb; do dpkg -x "$package" "$tools"; done
fi

# The first file system: the programs, their libraries and fixtures where they look for them, and what starts them.
root=$work/root
rm -rf "$root" "$work/iso" "$work/console"
mkdir -p "$root"/{bin,dev,proc,tmp} "$root$repository/crates/models" "$work/iso"
cp -r fixtures "$root$repository"
cp "$tools/bin/busybox" "$root/bin"
cargo test --release -p heliacal-models --lib --test models --no-run 2>&1 | tee "$work/build.log"
sed -n 's/.*Executable.*(\(.*\))/\1/p' "$work/build.log" | while read -r program; do
    name=$(basename "$program")
    strip -o "$root/bin/${name%-*}" "$program"
    ldd "$program" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$root$library"; done
done
printf '%s\n' "$@" > "$root/commands"
cat > "$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin TMPDIR=/tmp RUST_TEST_THREADS=1
mount -t proc none /proc
mount -t devtmpfs none /dev
exec > /dev/ttyS0 2>&1
while read -r line; do
    echo "== $line"
    sh -c "$line" < /dev/null
    echo "== ended with $?"
done < /commands
sleep 5 # until the last line is out
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | bin/busybox cpio -o -H newc > "$work/iso/initrd")

# A compact disc to start from.
cp "$tools"/boot/vmlinuz-* "$work/iso/linux"
cp "$tools/usr/lib/ISOLINUX/isolinux.bin" "$tools/usr/lib/syslinux/modules/bios/ldlinux.c32" "$work/iso"
cat > "$work/iso/isolinux.cfg" <<'MENU'
DEFAULT linux
LABEL linux
 KERNEL linux
 APPEND initrd=initrd console=ttyS0,115200 quiet nokaslr mitigations=off tsc=reliable nowatchdog panic=-1
MENU
"$tools/usr/bin/genisoimage" -quiet -o "$work/disc.iso" -b isolinux.bin -c boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$work/iso"

cat > "$work/bochsrc" <<BOCHS
megs: 2048
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=corei7_skylake_x, count=1, ips=200000000, reset_on_triple_fault=0, ignore_bad_msrs=1
ata0-master: type=cdrom, path=$work/disc.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/console
display_library: ${BOCHS_DISPLAY:-rfb}, options="timeout=0"
clock: sync=none
log: $work/log
info: action=ignore
error: action=ignore
panic: action=fatal
BOCHS
touch "$work/console"
tail -f "$work/console" &
trap 'kill $!' EXIT
# The debugger waits for a "c"; Bochs ends with 1 when the machine is switched off.
echo c | "${BOCHS:-bochs}" -q -f "$work/bochsrc" > "$work/bochs.out" 2>&1 || true
sleep 1
[ "$(grep -c '^== ended with 0' "$work/console")" = $# ]
