"""flybill: compiles usage, prices it, finalizes one invoice per organization and month, syncs it to Stripe just once.

The layers, top to bottom; a module imports only from lower rows, and names on one row are strangers:

    cli                                  what a person types
    serving                              Dagster's UI behind a guard, and the processes that serve it
    definitions                          what Dagster loads
    local                                embedded Postgres and Stripe emulator, for one machine
    settings                             the only reader of the environment
    defs | web                           Dagster and nothing but Dagster | the read-only pages
    steps | stores | stripe_gateway      one verb a file | facts at rest | the only speaker of Stripe
    billing                              pure: prices, months, money
    stripe_emulator                      a stand-in Stripe; shares nothing with the rest

No code belongs in this file.
"""
