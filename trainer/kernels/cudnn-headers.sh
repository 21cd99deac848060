#!/bin/sh
# Put the headers that attention by cuDNN is built with into DIR/include, from NVIDIA's wheels; without a network
# the trainer is built with its own kernels.
set -eu
dir=$1
version=$(nvcc --version | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
mkdir -p "$dir"
wheels=$(mktemp -d "$dir/wheels.XXXXXX")
trap 'rm -rf "$wheels"' EXIT
nvrtc=nvidia-cuda-nvrtc
[ "$version" -ge 13 ] || nvrtc=nvidia-cuda-nvrtc-cu12
echo "fetching cuDNN's headers" >&2
python3 -m venv "$wheels/venv"
"$wheels/venv/bin/pip" download --quiet --no-deps --only-binary=:all: --dest "$wheels" \
    nvidia-cudnn-frontend "nvidia-cudnn-cu$version" "$nvrtc" || {
    echo "no headers of cuDNN: attention will be our own kernels'" >&2
    exit 0
}
for wheel in "$wheels"/*.whl; do
    python3 -m zipfile --extract "$wheel" "$wheels/all"
done
mkdir -p "$dir/new"
find "$wheels/all" -type d -name include | while read -r include; do cp -r "$include/." "$dir/new/"; done
rm -rf "$dir/include"
mv "$dir/new" "$dir/include"
