"""A stateful stand-in for Stripe's v1 API over real HTTP. Belongs here: Stripe's behaviour, as far as billing meets it.
Does not: anything of flybill; it must not share our mistakes, so it imports nothing of ours.

stripe-python talks to it as to Stripe: `StripeClient("sk_test_1", base_addresses={"api": url})`. It keeps its state
over a kill -9, fails on request, moves its clock on request, and judges its client. `behaviours` says where each
behaviour is known from, and `assumptions` what nobody knows.

    __main__, server    the process: command line, uvicorn, hanging up
    app, control        HTTP: Stripe's paths, and /_emulator for tests
    engine              the life of one request: key, limit, idempotency, validation, execution, faults
    request             requests and answers as values
    router              the table of endpoints
    forms, params, scalars, parameter_limits
                        from form bodies to checked values, directed by stripe-python's own types
    customers, invoices, invoice_lines, finalization, payments, credit_notes, events
                        what the endpoints do
    tax_settings, taxes, customer_tax_ids, credit_note_lines
                        tax that Stripe adds by itself, and its part in what is given back
    discounts, numbers, amounts, objects, pages, passage, call
                        what they share: coupons, arithmetic, templates, lists, the passing of time, context
    idempotency, limits, faults
                        saved answers, rate limits, fault plans
    oracle, report, peaks
                        what happened, and what a client did wrong
    store, clock, config, errors
                        SQLite, virtual time, settings, error answers
    sources, behaviours, assumptions
                        what is known of Stripe, since when, and what is not
"""

from .config import EmulatorConfig

__all__ = ["EmulatorConfig"]
