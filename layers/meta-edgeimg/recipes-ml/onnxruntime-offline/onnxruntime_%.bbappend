# With BB_NO_NETWORK it has no network, as every other recipe.
# Its CMake downloads while it configures, past BitBake's fetcher, which would heed that.
do_configure[network] = "${@int(not bb.utils.to_boolean(d.getVar('BB_NO_NETWORK')))}"
