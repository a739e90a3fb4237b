"""Sends one task per due account, as a beat schedule would, for each line on standard input. Prints a line once the
broker holds no task, neither queued nor unacknowledged."""

import sys
import time

import redis

from refresher import SETTING, app, due_accounts, refresh

LOOK_EVERY_SECONDS = 0.02
READY_WITHIN_SECONDS = 60
STALLED_AFTER_SECONDS = 60


def sweep():
    with app.producer_pool.acquire(block=True) as producer:
        for account_id in due_accounts():
            refresh.apply_async((account_id,), producer=producer)


def drain(broker):
    """A task is in neither place for a moment while a worker takes it, so both must be empty twice in a row."""
    quiet = 0
    before, changed = None, time.monotonic()
    while quiet < 2:
        left = (broker.llen("celery"), broker.hlen("unacked"))
        quiet = 0 if any(left) else quiet + 1
        if left != before:
            before, changed = left, time.monotonic()
        elif any(left) and time.monotonic() - changed > STALLED_AFTER_SECONDS:
            sys.exit(f"{left[0]} tasks are queued, {left[1]} unacknowledged, and no worker makes progress")
        time.sleep(LOOK_EVERY_SECONDS)


def wait_for_worker():
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not app.control.ping(timeout=1):
        if time.monotonic() > deadline:
            sys.exit("no worker answers")


def main():
    broker = redis.Redis.from_url(SETTING["redisUrl"])
    wait_for_worker()
    print("ready")
    for _ in sys.stdin:
        sweep()
        drain(broker)
        print("done")


main()
