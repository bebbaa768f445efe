#!/bin/sh
# Licences and sources of all that is in the image, in build/output/legal-info/.
. scripts/common.sh
step legal-info
br legal-info
