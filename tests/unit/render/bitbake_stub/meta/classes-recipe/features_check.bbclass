python () {
    there = set((d.getVar("DISTRO_FEATURES") or "").split())
    lacking = set((d.getVar("REQUIRED_DISTRO_FEATURES") or "").split()) - there
    if lacking:
        raise bb.parse.SkipRecipe("no %s in DISTRO_FEATURES" % " ".join(sorted(lacking)))
}
