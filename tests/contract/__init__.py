"""What both adapters must do, written once; `tests/langchain` and `tests/llamaindex` say how their host is asked.

Children are the hosts' OpenAI-compatible clients over the loopback server, so that what a provider sees and bills is
the same in both.
"""

from .adapter import KEY, Piece
from .asking import Configuration, Errands, Queries
from .auditing import Audits
from .budgeting import Budgeting
from .checking import Verifiers
from .configuring import Parts
from .continuing import Continuing
from .deciding import AcceptAndEscalate, Policies
from .describing import Described
from .failing import Failures
from .finishing import Finishing
from .hedging import Hedging
from .knowing import Signals
from .limiting import Limiting
from .limits import Limited
from .measuring import Measures
from .purchasing import Purchases
from .recording import Records
from .refusing import Refusals
from .sharing import Cancellation, Concurrency
from .streaming import Streams
from .weighing import TokenVerifiers


class AdapterContract(
    AcceptAndEscalate,
    Policies,
    Verifiers,
    Failures,
    Refusals,
    Finishing,
    Limited,
    Limiting,
    Hedging,
    Budgeting,
    Streams,
    Concurrency,
    Cancellation,
    Records,
    Signals,
    TokenVerifiers,
    Continuing,
    Measures,
    Purchases,
    Audits,
    Queries,
    Errands,
    Configuration,
    Parts,
    Described,
):
    """All of it."""


__all__ = ["KEY", "AdapterContract", "Piece"]
