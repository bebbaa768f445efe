# Nothing, unless EDGEIMG_KERNEL asks for it: a layer that is only there changes no kernel.
require ${@bb.utils.contains('EDGEIMG_KERNEL', 'rocket', 'rocket.inc', '', d)}
