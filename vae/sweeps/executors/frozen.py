"""Takes what the fork server has imported, before it imports this, out of the collector's sight.

Looking it through for garbage would copy its memory in every fork.
"""

import gc

gc.collect()
gc.freeze()
