"""A gateway for servers on loopback, where silence need not be listened to for long. No assertions here."""

from flybill_pipeline.stripe_gateway.gateway import Gateway


class ImpatientGateway(Gateway):
    """The same, but for how long it waits."""

    timeout = 5.0
