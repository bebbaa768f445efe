PTEST_PATH ?= "${libdir}/${BPN}/ptest"
PACKAGES =+ "${PN}-ptest"
FILES:${PN}-ptest = "${PTEST_PATH}"
