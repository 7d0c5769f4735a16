"""Which cloud is meant, and clients to it: AWS, or something on this machine that is like it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ses import SESClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sts import STSClient

# What LocalStack's certificate is for; it resolves to the loopback address.
_LOOPBACK_NAMES = ("localhost", "localhost.localstack.cloud")

# Both the embedded cloud and LocalStack take this pair for the account's administrator.
LOCAL_KEY = "test"

_ATTEMPTS = 4
_CONNECT_TIMEOUT_SECONDS = 5
_READ_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Cloud:
    """A region of AWS, or of what listens at `endpoint_url`."""

    region: str
    endpoint_url: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where nobody's credentials are needed or wanted."""
        host = urlsplit(self.endpoint_url or "").hostname or ""
        named = any(host == name or host.endswith(f".{name}") for name in _LOOPBACK_NAMES)
        return named or host.startswith("127.") or host == "::1"

    @property
    def partition(self) -> str:
        """What ARNs of this region begin with: `aws`, `aws-cn` and so on."""
        return self._session.get_partition_for_region(self.region)

    @property
    def cloudformation(self) -> "CloudFormationClient":
        """A client to CloudFormation."""
        return self._session.client(
            "cloudformation", endpoint_url=self.endpoint_url, config=self._config
        )

    @property
    def dynamodb(self) -> "DynamoDBClient":
        """A client to DynamoDB."""
        return self._session.client("dynamodb", endpoint_url=self.endpoint_url, config=self._config)

    @property
    def dynamodbstreams(self) -> Any:  # noqa: ANN401 - its types are not among those installed
        """A client to the streams of tables."""
        return self._session.client(
            "dynamodbstreams", endpoint_url=self.endpoint_url, config=self._config
        )

    @property
    def functions(self) -> "LambdaClient":
        """A client to Lambda."""
        return self._session.client("lambda", endpoint_url=self.endpoint_url, config=self._config)

    @property
    def logs(self) -> "CloudWatchLogsClient":
        """A client to CloudWatch Logs."""
        return self._session.client("logs", endpoint_url=self.endpoint_url, config=self._config)

    @property
    def s3(self) -> "S3Client":
        """A client to S3."""
        return self._session.client("s3", endpoint_url=self.endpoint_url, config=self._config)

    @property
    def secretsmanager(self) -> "SecretsManagerClient":
        """A client to Secrets Manager."""
        return self._session.client(
            "secretsmanager", endpoint_url=self.endpoint_url, config=self._config
        )

    @property
    def ses(self) -> "SESClient":
        """A client to SES."""
        return self._session.client("ses", endpoint_url=self.endpoint_url, config=self._config)

    @property
    def sqs(self) -> "SQSClient":
        """A client to SQS."""
        return self._session.client("sqs", endpoint_url=self.endpoint_url, config=self._config)

    @property
    def sts(self) -> "STSClient":
        """A client to STS."""
        return self._session.client("sts", endpoint_url=self.endpoint_url, config=self._config)

    @cached_property
    def _session(self) -> boto3.Session:
        if self.is_local:
            return boto3.Session(
                region_name=self.region,
                aws_access_key_id=LOCAL_KEY,
                aws_secret_access_key=LOCAL_KEY,
            )
        return boto3.Session(region_name=self.region)

    @property
    def _config(self) -> Config:
        local = self.is_local
        return Config(
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            connect_timeout=_CONNECT_TIMEOUT_SECONDS,
            read_timeout=_READ_TIMEOUT_SECONDS,
            # A proxy of the caller's does not reach this machine, and a bucket is no host on it.
            proxies={} if local else None,
            s3={"addressing_style": "path" if local else "auto"},
        )


@contextmanager
def one_clear_line() -> Iterator[None]:
    """Turn what the cloud, or the way to it, refuses into an error for the operator."""
    try:
        yield
    except ClientError as error:
        answer = error.response["Error"]
        message = f"{error.operation_name}: {answer.get('Message') or answer.get('Code')}"
        raise OperatorError(" ".join(message.split())) from error
    except BotoCoreError as error:
        raise OperatorError(" ".join(str(error).split())) from error
