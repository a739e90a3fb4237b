"""The Celery app: one task, which refreshes one account with the same writes as plain-refresh.ts."""

import datetime
import functools
import json
import os
import uuid

import pymongo
import requests
from celery import Celery
from requests.adapters import HTTPAdapter

from envelope import Vault

SETTING = json.loads(os.environ["BENCH_SETTING"])
PROVIDER = "etsy"
LEASE = datetime.timedelta(seconds=30)
REFRESH_BEFORE = datetime.timedelta(minutes=10)
RETENTION = datetime.timedelta(days=1)
DEADLINE_SECONDS = 20

app = Celery("refresher", broker=SETTING["redisUrl"])
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=4,
    broker_pool_limit=2 * SETTING["concurrency"],
    # Each acknowledgement takes a separate connection for a moment; the default limit is ten.
    broker_transport_options={"max_connections": 4 * SETTING["concurrency"]},
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@functools.cache
def database():
    """Opened at its first use, after gevent has patched the sockets."""
    client = pymongo.MongoClient(
        SETTING["mongodbUri"], w="majority", journal=True, readConcernLevel="majority"
    )
    return client.get_default_database()


@functools.cache
def vault():
    canary = database().settings.find_one({"_id": "canary"})["value"]
    return Vault(SETTING["encryptionKeys"], canary)


@functools.cache
def http():
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=SETTING["concurrency"]))
    return session


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def due_accounts():
    due = database().accounts.find(
        {
            "provider": PROVIDER,
            "state": "active",
            "quarantine": False,
            "due_at": {"$lte": now()},
        },
        {"_id": 1},
    )
    return [account["_id"] for account in due.sort("due_at", 1)]


@app.task
def refresh(account_id):
    attempt_id, at = str(uuid.uuid4()), now()
    account = database().accounts.find_one_and_update(
        {
            "_id": account_id,
            "due_at": {"$lte": at},
            "$or": [{"claim": None}, {"claim.lease_until": {"$lt": at}}],
        },
        {"$set": {"claim": {"attempt_id": attempt_id, "lease_until": at + LEASE}}},
    )
    if account is None:
        return
    place = (account["organisation"], account_id)
    answer = exchange(vault().open(account["current"]["refresh_token"], (*place, "refresh_token")))
    commit(account, attempt_id, place, answer)
    log(account, attempt_id)


def exchange(refresh_token):
    answer = http().post(
        SETTING["tokenEndpoint"],
        data={
            "grant_type": "refresh_token",
            "client_id": SETTING["clientId"],
            "refresh_token": refresh_token,
        },
        timeout=DEADLINE_SECONDS,
        allow_redirects=False,
    )
    answer.raise_for_status()
    return answer.json()


def commit(account, attempt_id, place, answer):
    at = now()
    expires_at = at + datetime.timedelta(seconds=answer["expires_in"])
    members = {
        "current.expires_at": expires_at,
        "current.obtained_at": at,
        "last_refreshed_at": at,
        "due_at": expires_at - REFRESH_BEFORE,
        "claim": None,
    }
    for field in ("access_token", "refresh_token"):
        members[f"current.{field}"] = vault().seal(answer[field], (*place, field))
        members[f"current.{field}_fingerprint"] = vault().fingerprint(answer[field])
    done = database().accounts.update_one(
        {"_id": account["_id"], "generation": account["generation"], "claim.attempt_id": attempt_id},
        {"$set": members, "$inc": {"generation": 1}},
    )
    if done.matched_count != 1:
        raise RuntimeError(f"another worker refreshed {account['_id']} at the same time")


def log(account, attempt_id):
    at = now()
    database().log_entries.insert_one(
        {
            "_id": attempt_id,
            "created_at": at,
            "remove_at": at + RETENTION,
            "organisation": account["organisation"],
            "provider": PROVIDER,
            "account_id": account["_id"],
            "account_label": account["label"],
            "action": "token_refreshed",
            "source": "scheduled",
            "message": "refreshed",
        }
    )
