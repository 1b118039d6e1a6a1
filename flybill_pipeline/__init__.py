"""flybill: compiles usage, prices it, finalizes one invoice per organization and month, syncs it to Stripe just once.

The layers, top to bottom. A module imports only from lower rows, and names on one row are strangers:

    cli                        what a person types
    demo | serving | web       a made-up month | Dagster's UI behind a guard, webhooks | pages of who is billed
      | starter                … | files of one's own to begin with
    operating                  Dagster's jobs in this process, dead runs, backups
    definitions                what Dagster loads
    defs                       Dagster and nothing but Dagster
    exports                    an answer as a file to keep
    questions                  what can be asked, answered as plain values
    toolbox                    the real stores, gateway, clock and channels
    local                      embedded Postgres and Stripe emulator, for one machine
    settings                   the only reader of the environment
    setting_values             what a value there must be
    steps | stores             one verb a file | facts at rest, all SQL
      | stripe_gateway         … | the only speaker of Stripe
      | notifiers              … | channels that bring alerts to people
      | languages              … | what customers read, in their language
    billing                    pure: money, usage, pricing, invoicing, sync, payments, alerts, words
    stripe_emulator            a stand-in Stripe; shares nothing with the rest

`billing`, `steps` and `stores` have the same rooms, which meet in one direction only:

    alerts, payments → sync → invoicing → pricing → usage → money (in stores: postgres, files)

In `billing` the room `words` stands above them: what the customer reads of every state.

No code belongs in this file.
"""
