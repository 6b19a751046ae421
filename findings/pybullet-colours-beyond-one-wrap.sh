#!/usr/bin/env bash
# PyBullet 3.2.7, TinyRenderer: a colour above 1 is not clipped, it wraps around.
#
# Guess: rgbaColor 1.5 is drawn like 1.0, as colours out of range are clipped.
# Seen:  it is drawn as 1.5 * 255 modulo 256: 1.25 is darker than 0.5. A hue that is scaled up for
#        more contrast turns into another hue, without a warning.
# Output: red 1.0 -> 255, 1.25 -> 62, 1.5 -> 126, 1.75 -> 190, 2.0 -> 254
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
${PYTHON:-python3.11} -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check pybullet==3.2.7 numpy==2.4.6
cd "$folder"
cat > probe.py <<'PROBE'
import pybullet

client = pybullet.connect(pybullet.DIRECT)
view = pybullet.computeViewMatrix([5, 0, 0], [0, 0, 0], [0, 0, 1])
projection = pybullet.computeProjectionMatrixFOV(45, 1.0, 1.0, 30.0)


def box(position, colour):
    shape = pybullet.createVisualShape(
        pybullet.GEOM_BOX, halfExtents=[0.5] * 3, rgbaColor=colour, physicsClientId=client
    )
    return pybullet.createMultiBody(
        baseVisualShapeIndex=shape, basePosition=position, physicsClientId=client
    )


def middle_pixel():
    """Colour and body in the middle of a picture without diffuse light: ambient 1.0 alone."""
    _, _, rgba, _, body = pybullet.getCameraImage(
        65, 65, view, projection, renderer=pybullet.ER_TINY_RENDERER, shadow=0,
        lightDirection=[1, 0, 0], lightAmbientCoeff=1.0, lightDiffuseCoeff=0.0,
        lightSpecularCoeff=0.0, physicsClientId=client,
    )
    return rgba[32][32].tolist()[:3], int(body[32][32])


cube = box([0, 0, 0], [1, 1, 1, 1])
seen = {}
for red in (1.0, 1.25, 1.5, 1.75, 2.0):
    pybullet.changeVisualShape(cube, -1, rgbaColor=[red, 0.5, 0.5, 1], physicsClientId=client)
    seen[red] = middle_pixel()[0][0]
    print(f'red {red}: {seen[red]}, clipped it would be 255, modulo 256 {int(255 * red) % 256}')
assert all(abs(value - int(255 * red) % 256) <= 1 for red, value in seen.items()), seen
assert seen[1.25] < 100 < seen[1.0], seen
PROBE
"$folder/venv/bin/python" probe.py
