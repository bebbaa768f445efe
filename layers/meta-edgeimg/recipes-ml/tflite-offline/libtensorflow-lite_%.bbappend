# With BB_NO_NETWORK it stops before it downloads, which its CMake does past BitBake's fetcher.
# A function that runs before the task is in no signature, and the task's own network flag is.
python edgeimg_no_network() {
    if bb.utils.to_boolean(d.getVar("BB_NO_NETWORK")):
        bb.fatal("It downloads while it is configured, and BB_NO_NETWORK is set.")
}
do_configure[prefuncs] += "edgeimg_no_network"
