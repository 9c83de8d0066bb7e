#!/usr/bin/env bash
# All that a GPU is asked, on a machine with its driver, CUDA 13's libraries and a Python with PyTorch: parity with the CPU and
# our times, PyTorch's times of the same cases and the ratios; and the tests of models and losses. Made by `cargo xtask
# gpu-bundle`.
#
#   [OUT=FOLDER] [SECONDS_EACH=3] bash run.sh          # check and torch: all numbers, under ten minutes
#   [OUT=FOLDER] PARTS=tests bash run.sh               # the tests, one by one, under ten minutes
#
# Writes gpu_check.json, time_cuda.json and a log of each part into $OUT; ends with an error when a part failed.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${OUT:-$here/out}
parts=${PARTS:-check torch}
seconds=${SECONDS_EACH:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$here/bin.tar.xz" "$work" || exit 1

# CUDA's libraries: those of PyTorch's wheels, of an installation, and the driver's.
wheels=$(python3 - <<'PYTHON'
import glob, os, site, sys
roots = set(site.getsitepackages() + [site.getusersitepackages()] + sys.path)
found = {os.path.dirname(f) for root in roots for f in glob.glob(root + "/nvidia/**/lib*.so.1[0-9]*", recursive=True)}
print(":".join(sorted(found)))
PYTHON
)
export LD_LIBRARY_PATH="$wheels:/usr/local/cuda/lib64:/usr/local/nvidia/lib64:/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
if ldd "$work/gpu_check" | grep "not found"; then
    echo "libraries are missing; LD_LIBRARY_PATH=$LD_LIBRARY_PATH" >&2
fi
nvidia-smi >"$out/nvidia_smi.txt" 2>&1

failed=""
# part NAME LIMIT COMMAND...: with its output on the screen and in a log.
part() {
    local name=$1 limit=$2 begin=$SECONDS
    shift 2
    case " $parts " in *" $name "*) ;; *) return ;; esac
    echo "== $name"
    timeout -k 5 "$limit" "$@" 2>&1 >"$work/stdout" | tee "$out/$name.log"
    local status=${PIPESTATUS[0]}
    tail -n 400 "$work/stdout" >>"$out/$name.log"
    echo "== $name: status $status after $((SECONDS - begin)) s"
    [ "$status" = 0 ] || failed="$failed $name"
}

# Tests find their fixtures where they were compiled.
built_in="@BUILT_IN@"
if [ ! -e "$built_in" ]; then
    mkdir -p "$(dirname "$built_in")" && ln -s "$PWD" "$built_in"
fi
[ ! -e "$here/oracle-elasticc" ] || export HELIACAL_TEST_DATA=$here
part check 330 "$work/gpu_check" --device cuda --seconds "$seconds" --out "$out/gpu_check.json"
part torch 240 python3 "$here/time_cuda.py" --seconds 1.5 --ours "$out/gpu_check.json" --out "$out/time_cuda.json"
tests() {
    "$work/losses" --test-threads 1
    local of_losses=$?
    "$work/models" --test-threads 1 && [ "$of_losses" = 0 ]
}
export -f tests
export work
part tests 570 bash -c tests
grep -hE "ratio|^OFF|panicked|FAILED|test result" "$out"/*.log | cut -c1-160
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
