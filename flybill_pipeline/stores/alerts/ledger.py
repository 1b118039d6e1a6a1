"""Problems, what was told of them, and the outbox of messages. What a problem is, and its words: not here."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from flybill_pipeline.billing.alerts.problems import Message, News, Problem, Undelivered
from flybill_pipeline.stores.alerts.tables import alert_outbox, problems


class ProblemLedger:
    """One open row for each key. Several may write at once: they take turns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def observe(self, current: Sequence[Problem], now: datetime) -> None:
        """Opens what is new, brings what is open up to date, resolves what is gone."""
        with self._engine.begin() as connection:
            _take_turns(connection)
            is_open = problems.c.resolved_at.is_(None)
            rows = connection.execute(select(problems.c.key, problems.c.problem_id).where(is_open))
            open_ = {row.key: row.problem_id for row in rows}
            for problem in current:
                content = {name: value for name, value in asdict(problem).items() if name != "key"}
                if problem.key in open_:
                    same = problems.c.problem_id == open_[problem.key]
                    connection.execute(update(problems).where(same).values(content=content))
                else:
                    connection.execute(insert(problems).values(key=problem.key, content=content, opened_at=now))
            gone = [number for key, number in open_.items() if key not in {problem.key for problem in current}]
            connection.execute(update(problems).where(problems.c.problem_id.in_(gone)).values(resolved_at=now))

    def tell(
        self,
        channels: Sequence[str],
        now: datetime,
        rest: timedelta,
        reminder: timedelta,
        words: Callable[[News], tuple[str, str]],
    ) -> bool:
        """Writes the news into the outbox, once for each channel, and marks them told, in one transaction.

        False when there are none, nobody to tell, or the last message is younger than `rest`.
        """
        with self._engine.begin() as connection:
            _take_turns(connection)
            last = connection.execute(select(func.max(alert_outbox.c.created_at))).scalar_one()
            if not channels or (last is not None and now - last < rest):
                return False
            rows = connection.execute(select(problems).where(_untold(now - reminder)).order_by(problems.c.problem_id))
            states = [(row.problem_id, _state(row), Problem(key=row.key, **row.content)) for row in rows]
            news = News(*([each for _, state, each in states if state == name] for name in STATES))
            if not news:
                return False
            subject, body = words(news)
            message = {"subject": subject, "body": body, "created_at": now, "next_attempt_at": now}
            connection.execute(insert(alert_outbox), [{"channel": channel, **message} for channel in channels])
            for told, names in (("resolved", {"resolved"}), ("opened", {"opened", "lasting"})):
                ids = [number for number, state, _ in states if state in names]
                marked = problems.c.problem_id.in_(ids)
                connection.execute(update(problems).where(marked).values(told=told, told_at=now))
            return True

    def take_due(self, now: datetime, until: datetime, most_attempts: int) -> list[Message]:
        """The messages that may be sent now, but for those that were given up; until then nobody else gets them."""
        unsent = (alert_outbox.c.sent_at.is_(None), alert_outbox.c.attempts < most_attempts)
        waiting = (*unsent, alert_outbox.c.next_attempt_at <= now)
        names = (alert_outbox.c[name] for name in ("alert_id", "channel", "subject", "body", "attempts"))
        taken = update(alert_outbox).where(*waiting).values(next_attempt_at=until).returning(*names)
        with self._engine.begin() as connection:
            due = [Message(**row._mapping) for row in connection.execute(taken)]
        return sorted(due, key=lambda message: message.alert_id)

    def sent(self, message: Message, now: datetime) -> None:
        """The message has arrived."""
        self._note(message, {"sent_at": now, "error": None})

    def failed(self, message: Message, error: str, next_attempt_at: datetime) -> None:
        """The message has not arrived, for this reason; it is tried again then."""
        self._note(message, {"error": error, "next_attempt_at": next_attempt_at})

    def open_problems(self) -> list[dict[str, Any]]:
        """What is wrong now, the oldest first."""
        query = select(problems).where(problems.c.resolved_at.is_(None)).order_by(problems.c.problem_id)
        with self._engine.connect() as connection:
            return [
                {"key": row.key, "since": row.opened_at, "told_at": row.told_at, **row.content}
                for row in connection.execute(query)
            ]

    def undelivered(self) -> list[dict[str, Any]]:
        """The messages that were tried and have not arrived, with the reason."""
        names = (alert_outbox.c[name] for name in ("channel", "subject", "attempts", "error", "next_attempt_at"))
        failed = (alert_outbox.c.sent_at.is_(None), alert_outbox.c.attempts > 0)
        with self._engine.connect() as connection:
            rows = connection.execute(select(*names).where(*failed).order_by(alert_outbox.c.alert_id))
            return [dict(row._mapping) for row in rows]

    def troubled_channels(self, since: datetime, attempts: int, most_attempts: int) -> list[Undelivered]:
        """The channels with a message from then on that was tried so often, or given up."""
        outbox = alert_outbox.c
        given_up = func.count().filter(outbox.attempts >= most_attempts)
        tried = func.array_agg(aggregate_order_by(outbox.error, outbox.alert_id.desc()))
        errors = tried.filter(outbox.error.is_not(None))
        query = (
            select(
                outbox.channel,
                (func.count() - given_up).label("waiting"),
                given_up.label("given_up"),
                errors.label("errors"),
            )
            .where(outbox.sent_at.is_(None), outbox.created_at >= since)
            .group_by(outbox.channel)
            .having(func.max(outbox.attempts) >= attempts)
            .order_by(outbox.channel)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query)
            return [Undelivered(row.channel, row.waiting, row.given_up, row.errors[0]) for row in rows]

    def _note(self, message: Message, values: dict[str, Any]) -> None:
        of_message = alert_outbox.c.alert_id == message.alert_id
        with self._engine.begin() as connection:
            connection.execute(
                update(alert_outbox).where(of_message).values(attempts=alert_outbox.c.attempts + 1, **values)
            )


STATES = ("opened", "lasting", "resolved")


def _untold(reminded_before: datetime) -> Any:
    """Open and never told; urgent, open and told long ago; resolved, and only told to be open."""
    problem = problems.c
    lasting = (problem.told_at <= reminded_before) & problem.content["urgent"].as_boolean()
    opened = problem.resolved_at.is_(None) & or_(problem.told.is_(None), lasting)
    return opened | (problem.resolved_at.is_not(None) & (problem.told == "opened"))


def _state(row: Any) -> str:
    if row.resolved_at is not None:
        return "resolved"
    return "opened" if row.told is None else "lasting"


def _take_turns(connection: Connection) -> None:
    connection.execute(text("select pg_advisory_xact_lock(hashtext('flybill problems'))"))
