"""Uses the client that openapi-python-client generates, and prints what it found as JSON."""

import importlib
import io
import json
import os
import pkgutil

import evergrant_client
from evergrant_client import AuthenticatedClient
from evergrant_client.api.accounts import create_account, get_account, import_accounts, list_accounts
from evergrant_client.api.tokens import get_token
from evergrant_client.models import Error, NewAccount, ValidToken
from evergrant_client.models.import_accounts_dry_run import ImportAccountsDryRun
from evergrant_client.types import File

for module in pkgutil.walk_packages(evergrant_client.__path__, "evergrant_client."):
    importlib.import_module(module.name)

client = AuthenticatedClient(base_url=os.environ["EVERGRANT_URL"], token=os.environ["EVERGRANT_API_KEY"])
account_id = os.environ["ACCOUNT_ID"]

account = get_account.sync(account_id, client=client)
created = create_account.sync(
    client=client,
    body=NewAccount(provider="ebay", external_id="from-python", refresh_token="v^1.1#python"),
)
listed = list_accounts.sync(client=client, q="from-python")
line = {"provider": "ebay", "external_id": "imported", "refresh_token": "v^1.1#imported"}
imported = import_accounts.sync(
    client=client,
    body=File(payload=io.BytesIO(json.dumps(line).encode())),
    dry_run=ImportAccountsDryRun.TRUE,
)
token = get_token.sync(account_id, client=client)
missing = get_account.sync("acc_absent", client=client)

print(
    json.dumps(
        {
            "label": account.label,
            "policy": account.policy.refresh_before,
            "warnings": created.warnings,
            "listed": [item.external_id for item in listed.items],
            "imported": [json.loads(text) for text in imported.payload.read().splitlines()],
            "token": token.access_token if isinstance(token, ValidToken) else None,
            "code": missing.error.code if isinstance(missing, Error) else None,
        }
    )
)
