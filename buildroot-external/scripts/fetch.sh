#!/bin/sh
# Clones the pinned release of Buildroot.
. scripts/common.sh
step "fetch Buildroot $RELEASE"
rm -rf "$BUILDROOT.new"
git clone --quiet --depth 1 --branch "$RELEASE" "$GIT" "$BUILDROOT.new" ||
	fail "fetch: Buildroot $RELEASE cannot be cloned from $GIT; give a checkout: make BUILDROOT=..."
found=$(git -C "$BUILDROOT.new" rev-parse HEAD)
[ "$found" = "$COMMIT" ] || fail "fetch: the tag $RELEASE is commit $found, not $COMMIT"
mv "$BUILDROOT.new" "$BUILDROOT"
