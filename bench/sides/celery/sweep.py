"""What a beat schedule would start: sends a task for each due account. For each line that is read it does so once, and
says when the broker holds none of them any more, neither queued nor unacknowledged."""

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
    """A task that is just being handed over stands in neither place for a moment: it must be so twice."""
    quiet = 0
    before, changed = None, time.monotonic()
    while quiet < 2:
        left = (broker.llen("celery"), broker.hlen("unacked"))
        quiet = 0 if any(left) else quiet + 1
        if left != before:
            before, changed = left, time.monotonic()
        elif any(left) and time.monotonic() - changed > STALLED_AFTER_SECONDS:
            sys.exit(f"{left[0]} tasks are queued, {left[1]} unacknowledged, and nothing happens")
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
