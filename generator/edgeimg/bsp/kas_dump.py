"""`kas dump` of what is there: a program of its own that fetches nothing and changes no checkout.

Where a file includes one of another repository, kas clones that into the folder it runs in, or sets
the address of the clone that is there and checks the wanted branch out, over the user's own.
"""

from __future__ import annotations

import kas.kas
import kas.libcmds
import kas.repos


def main() -> None:
    kas.libcmds.repos_fetch = lambda repos: None
    kas.repos.RepoImpl.checkout = lambda repo: None
    kas.kas.main()


if __name__ == "__main__":
    main()
