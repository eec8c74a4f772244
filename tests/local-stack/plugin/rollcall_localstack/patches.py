"""Corrections to LocalStack 4.13.1, applied before LocalStack starts. Each is independent of the others.

A new version of LocalStack means reading each of them again.
"""
import contextlib
import os
import sys
import tempfile
import threading
import types

# How often a request for a function environment that met another thread's is made again.
# The condition lasts microseconds; the limit only keeps a real defect from looping for ever.
ENVIRONMENT_TRIES = 50

# Seconds between two looks at a resource that is still being created. LocalStack waits whole seconds.
RESOURCE_POLL_INTERVAL = 0.02


def lock_annotation():
    """`localstack.packages.api` has the annotation `Lock | None`; before Python 3.13 `threading.Lock` is a function.

    The import fails with a TypeError that LocalStack hides. Importing the module once with a class in Lock's place
    makes every later import succeed.
    """
    if sys.version_info >= (3, 13) or "localstack.packages.api" in sys.modules:
        return
    function = threading.Lock
    threading.Lock = type("Lock", (), {"__new__": lambda cls: function()})
    try:
        import localstack.packages.api  # noqa: F401
    finally:
        threading.Lock = function


def poller_concurrency():
    """Runs as many pollers for an SQS event source as MaximumConcurrency says.

    LocalStack has one and ignores the setting, so two batches would never run at the same time.
    """
    from localstack.services.lambda_.event_source_mapping.esm_worker import EsmWorker
    from localstack.utils.threads import FuncThread

    start = EsmWorker.start

    def start_all(self):
        start(self)
        if ":sqs:" not in (self.esm_config.get("EventSourceArn") or ""):
            return
        wanted = int((self.esm_config.get("ScalingConfig") or {}).get("MaximumConcurrency") or 1)
        for number in range(1, wanted):
            FuncThread(self.poller_loop, name=f"event-source-mapping-poller-{self.uuid}-{number}").start()

    EsmWorker.start = start_all


def log_group():
    """Honours LoggingConfig.LogGroup; LocalStack always writes to /aws/lambda/<function>."""
    from localstack.services.lambda_.invocation.execution_environment import ExecutionEnvironment

    default = ExecutionEnvironment.get_log_group_name

    def configured_or_default(self):
        return (self.function_version.config.logging_config or {}).get("LogGroup") or default(self)

    ExecutionEnvironment.get_log_group_name = configured_or_default


def no_new_log_groups():
    """Lets a function write to its log group and never make it, as the roles of this project's functions do.

    LocalStack writes a log when the invocation is over. Its stack may be deleted by then, and a log group that comes
    back from the dead fails the next creation of the same stack.
    """
    from localstack.services.lambda_.invocation import logs

    class Logs:
        def __init__(self, client):
            self._client = client

        def __getattr__(self, name):
            return getattr(self._client, name)

        def create_log_group(self, **_):
            pass

    class Connect:
        @staticmethod
        def with_assumed_role(**about):
            return types.SimpleNamespace(logs=Logs(real.with_assumed_role(**about).logs))

    real, logs.connect_to = logs.connect_to, Connect


def environment_race():
    """Tries again where two threads want a function environment at the same moment, which LocalStack answers with 500.

    One reserves the environment that the other has just started (InvalidStatusException), or the dict of environments
    changes while it is walked (RuntimeError). Both happen before anything runs, so trying again is safe.
    """
    from localstack.services.lambda_.invocation.assignment import AssignmentService
    from localstack.services.lambda_.invocation.execution_environment import InvalidStatusException

    get_environment = AssignmentService.get_environment

    @contextlib.contextmanager
    def get_environment_patiently(self, *args, **kwargs):
        with contextlib.ExitStack() as stack:
            for attempt in range(1, ENVIRONMENT_TRIES + 1):
                try:
                    environment = stack.enter_context(get_environment(self, *args, **kwargs))
                    break
                except (InvalidStatusException, RuntimeError):
                    if attempt == ENVIRONMENT_TRIES:
                        raise
            yield environment

    AssignmentService.get_environment = get_environment_patiently


def eager_deployment():
    """Looks at a resource in creation every few milliseconds, which takes seconds off every deployment."""
    from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor

    deploy_loop = ResourceProviderExecutor.deploy_loop

    def deploy_loop_eagerly(self, *args, **kwargs):
        kwargs.setdefault("sleep_time", RESOURCE_POLL_INTERVAL)
        return deploy_loop(self, *args, **kwargs)

    ResourceProviderExecutor.deploy_loop = deploy_loop_eagerly


def no_ec2():
    """Keeps the Systems Manager's emulation from importing all of EC2's, which takes 2 s, for a call nobody makes here."""
    stand_in = types.ModuleType("moto.ec2")
    stand_in.ec2_backends = {}
    sys.modules["moto.ec2"] = stand_in
    try:
        import moto.ssm.models  # noqa: F401
    finally:
        del sys.modules["moto.ec2"]


def own_s3_folder():
    """Keeps S3's objects below TMPDIR; the stock folder in /tmp is every instance's, whoever runs it."""
    from localstack.services.s3 import provider

    provider.DEFAULT_S3_TMP_DIR = os.path.join(tempfile.gettempdir(), "s3")


def taking_back():
    """CloudFormation takes back what failed."""
    from . import rollback

    rollback.apply()


def apply():
    """Applies all of them; the first must come before the others' imports."""
    for patch in (lock_annotation, poller_concurrency, log_group, no_new_log_groups, environment_race, eager_deployment,
                  no_ec2, own_s3_folder, taking_back):
        patch()
