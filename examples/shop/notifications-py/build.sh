#!/usr/bin/env bash
# Puts the sources and a Python into a component. The packages that it speaks are those of /wit, and of WASI, which the
# crate wasip2 brings.
set -euo pipefail
cd "$(dirname "$0")"
root=../../..
if [ ! .venv/installed -nt requirements.txt ]; then
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
    touch .venv/installed
fi

wasi=$(cargo metadata --manifest-path $root/components/Cargo.toml --format-version 1 --locked |
    python3 -c 'import json, os, sys
packages = json.load(sys.stdin)["packages"]
print(next(os.path.dirname(it["manifest_path"]) for it in packages if it["name"] == "wasip2"))')
rm -rf build && mkdir -p build/wit/deps
cp wit/world.wit build/wit/
for package in cli clocks filesystem http io random sockets; do
    mkdir build/wit/deps/$package && cp "$wasi/wit/deps/$package.wit" build/wit/deps/$package/
done
for package in wasi-keyvalue-0.2.0-draft2 wasi-config-0.2.0-rc.1 holm-events-0.1.0; do
    cp -r $root/wit/$package build/wit/deps/
done

.venv/bin/componentize-py --quiet -d build/wit -w notifications componentize -p src app -o notifications.wasm
