"""InfluxDB 2.x: bucket, retention, the mapping by which InfluxQL finds it, a token that may only write and one that may
only read. Organisation and administrator are made by `influx setup`, before.

Promised: no data is touched but by a retention that the settings shorten, and no token is taken away.
API: https://docs.influxdata.com/influxdb/v2/api/
"""

from collections.abc import Callable
from typing import TypeVar

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.rest import ApiException
from influxdb_client.service.dbr_ps_service import DBRPsService

from ingest.settings_file import SettingsError
from ingest.setup.report import Report
from ingest.setup.server import TIMEOUT
from ingest.setup.settings import Account, SetupSettings

RETENTION_POLICY = "autogen"
"""What InfluxQL calls the bucket's data; a query that names no retention policy gets the default, which it is."""

DAY = 86_400

T = TypeVar("T")


def prepare2(settings: SetupSettings, report: Report) -> None:
    """Raises SettingsError."""
    token = settings.admin.secret.read()
    if token is None:
        way_out = "run influx setup, then put its operator token into that file"
        raise SettingsError(f"admin.secret_file: {settings.admin.secret.path}: no such file; {way_out}")
    if settings.org is None:
        raise SettingsError("org: missing; InfluxDB 2.x keeps buckets in an organization, give its name")
    with InfluxDBClient(settings.url, token, timeout=round(1000 * TIMEOUT), retries=False) as client:
        _prepare(client, settings, settings.org, report)


def _prepare(client: InfluxDBClient, settings: SetupSettings, org: str, report: Report) -> None:
    found = _ask(f"organization {org!r}", lambda: client.organizations_api().find_organizations(org=org))
    if not found:
        raise SettingsError(
            f"org: {org!r}: no such organization; give one that there is, or make it by influx org create"
        )
    report.found(f"organization {org!r}")
    org_id: str = found[0].id
    bucket = _bucket(client, settings, org_id, report)
    if bucket is None:
        report.warn("without a bucket nothing can be mapped to it, and no token made: that is still to do")
        return
    _mapping(client, settings.database, org_id, bucket.id, report)
    for account, action in ((settings.gateway, "write"), (settings.grafana, "read")):
        _token(
            client, account, action, Permission(action, PermissionResource("buckets", bucket.id, org_id=org_id)), report
        )


def _bucket(client: InfluxDBClient, settings: SetupSettings, org_id: str, report: Report) -> Bucket | None:
    """None when it is not to be made now."""
    api, name = client.buckets_api(), settings.database
    seconds = (settings.retention_days or 0) * DAY
    kept = f"{settings.retention_days} days" if seconds else "for ever"

    def find() -> list[Bucket]:
        return _ask(f"bucket {name!r}", lambda: api.find_buckets(name=name, org_id=org_id).buckets)

    buckets = find()
    if not buckets:
        rules = [BucketRetentionRules(every_seconds=seconds)] if seconds else []
        report.change(
            f"bucket {name!r} made, it keeps {kept}",
            lambda: _ask("the bucket", lambda: api.create_bucket(bucket_name=name, retention_rules=rules, org=org_id)),
        )
        return None if report.check else find()[0]
    [bucket] = buckets
    before = bucket.retention_rules[0].every_seconds if bucket.retention_rules else 0
    if before == seconds:
        report.found(f"bucket {name!r}, it keeps {kept}")
        return bucket
    bucket.retention_rules = [BucketRetentionRules(every_seconds=seconds)]
    report.change(
        f"bucket {name!r} keeps {kept}, {f'{before / DAY:g} days' if before else 'for ever'} until now",
        lambda: _ask("the retention", lambda: api.update_bucket(bucket)),
    )
    return bucket


def _mapping(client: InfluxDBClient, database: str, org_id: str, bucket_id: str, report: Report) -> None:
    service = DBRPsService(client.api_client)
    mapped = _ask("the mapping", lambda: service.get_dbr_ps(org_id=org_id, db=database)).content or []
    if any(mapping.bucket_id == bucket_id and mapping.default for mapping in mapped):
        report.found(f"mapping of database {database!r} to the bucket, for InfluxQL")
        return
    create = DBRPCreate(
        org_id=org_id, bucket_id=bucket_id, database=database, retention_policy=RETENTION_POLICY, default=True
    )
    report.change(
        f"database {database!r} mapped to the bucket, for InfluxQL",
        lambda: _ask("the mapping", lambda: service.post_dbrp(create)),
    )


def _token(client: InfluxDBClient, account: Account, action: str, permission: Permission, report: Report) -> None:
    """The server may not show a token again, so one whose file is gone is made anew."""
    api, resource = client.authorizations_api(), permission.resource
    known = any(
        one.description == account.name
        and one.status == "active"
        and _grants(one) == [(action, "buckets", resource.id)]
        for one in _ask("the tokens", lambda: api.find_authorizations(org_id=resource.org_id))
    )
    if known and account.secret.read() is not None:
        report.found(f"token {account.name!r} may {action} the bucket; it is in {account.secret.path}")
        return
    wanted = Authorization(org_id=resource.org_id, permissions=[permission], description=account.name)

    def make() -> None:
        made = _ask("the token", lambda: api.create_authorization(authorization=wanted))
        account.secret.write(made.token)

    report.change(f"token {account.name!r} made, it may {action} the bucket; it is in {account.secret.path}", make)


def _grants(authorization: Authorization) -> list[tuple[str, str, str | None]]:
    return [(one.action, one.resource.type, one.resource.id) for one in authorization.permissions]


def _ask(what: str, request: Callable[[], T]) -> T:
    try:
        return request()
    except ApiException as error:
        told = " ".join(str(error.body or error.reason).split())[:200]
        raise SettingsError(f"{what}: the database answers {error.status} {told}") from None
    except urllib3.exceptions.HTTPError as error:
        raise SettingsError(f"{what}: {error}; start the database, or mend the address") from None
