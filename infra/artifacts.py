"""The bucket that CloudFormation takes code and large templates from."""

import hashlib
import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.cloud import Cloud

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType

_NO_LOCATION = "us-east-1"  # the one region that must not be named
_READABLE_LENGTH = 24


class Artifacts:
    """A bucket of one stack, whose objects are named by their contents."""

    def __init__(self, cloud: Cloud, stack_name: str) -> None:
        self._cloud = cloud
        self._s3: S3Client = cloud.s3
        self._account = cloud.sts.get_caller_identity()["Account"]
        self.bucket = _bucket_name(self._account, cloud.region, stack_name)

    def ensure_bucket(self) -> None:
        """Make the bucket where there is none, closed to everyone else."""
        try:
            # Names are the world's: a bucket of somebody else must not get our code.
            self._s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
                raise
            self._create_bucket()
            self._close_bucket()

    def store(self, contents: bytes, suffix: str) -> str:
        """Return the key of an object with these contents, which is uploaded if it is new."""
        self.ensure_bucket()
        key = f"{hashlib.sha256(contents).hexdigest()}{suffix}"
        if not self._exists(key):
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=contents, ExpectedBucketOwner=self._account
            )
        return key

    def url(self, key: str) -> str:
        """Return where CloudFormation finds a template."""
        if self._cloud.endpoint_url:
            return f"{self._cloud.endpoint_url.rstrip('/')}/{self.bucket}/{key}"
        return f"https://{self.bucket}.s3.{self._cloud.region}.amazonaws.com/{key}"

    def remove(self) -> None:
        """Remove the bucket with everything in it."""
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
            for page in pages:
                for item in page.get("Contents", []):
                    self._s3.delete_object(Bucket=self.bucket, Key=item["Key"])
            self._s3.delete_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise

    def _create_bucket(self) -> None:
        if self._cloud.region == _NO_LOCATION:
            self._s3.create_bucket(Bucket=self.bucket)
            return
        location: BucketLocationConstraintType = self._cloud.region  # type: ignore[assignment]  # any region is one
        self._s3.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": location}
        )

    def _close_bucket(self) -> None:
        """Keep the public out, and whoever comes without TLS; emulators have neither."""
        if self._cloud.is_local:
            return
        self._s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        arn = f"arn:{self._cloud.partition}:s3:::{self.bucket}"
        only_tls = {
            "Sid": "NobodyWithoutTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [only_tls]}
        self._s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))

    def _exists(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self._account)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
                raise
            return False
        return True


def _bucket_name(account: str, region: str, stack_name: str) -> str:
    """Name the bucket by account, region and stack, in the 63 characters there are."""
    readable = stack_name.lower()[:_READABLE_LENGTH].rstrip("-")
    digest = hashlib.sha256(f"{stack_name}/{region}".encode()).hexdigest()[:10]
    return f"{readable}-{digest}-{account}"
