#!/usr/bin/env bash
# PyBullet 3.2.7, TinyRenderer: alpha is a switch, nothing is blended.
#
# Guess: a body of alpha 0.5 in front of another is blended with it.
# Seen:  with any alpha above 0 a body is opaque, in the picture and in the segmentation; with
#        alpha 0 it is in neither. A translucent occluder hides all that is behind it.
# Output: alpha 0.5 and 0.001: the green body in front; alpha 0: the red one behind
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


behind = box([0, 0, 0], [1, 0, 0, 1])
front = box([1.5, 0, 0], [0, 1, 0, 1])
seen = {}
for alpha in (1.0, 0.5, 0.001, 0.0):
    pybullet.changeVisualShape(front, -1, rgbaColor=[0, 1, 0, alpha], physicsClientId=client)
    seen[alpha] = middle_pixel()
    print(f'alpha {alpha}: colour {seen[alpha][0]}, body {seen[alpha][1]}')
assert seen[1.0] == seen[0.5] == seen[0.001] and seen[1.0][1] == front, seen
assert seen[0.0][1] == behind and seen[0.0][0][1] == 0, seen
PROBE
"$folder/venv/bin/python" probe.py
