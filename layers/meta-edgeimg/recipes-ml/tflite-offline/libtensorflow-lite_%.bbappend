# With BB_NO_NETWORK it stops before it downloads, which its CMake does past BitBake's fetcher.
# The function is kept out of the task's signature: what was made with the network is taken
# without it too.
python edgeimg_no_network() {
    if bb.utils.to_boolean(d.getVar("BB_NO_NETWORK")):
        bb.fatal("It downloads while it is configured, and BB_NO_NETWORK is set.")
}
do_configure[prefuncs] += "edgeimg_no_network"
do_configure[vardepsexclude] += "edgeimg_no_network"
