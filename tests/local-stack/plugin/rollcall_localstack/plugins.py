"""The classes LocalStack loads by name. They import the rest only when they are chosen, so resolving them is cheap."""
from localstack.runtime.server.core import RuntimeServerPlugin
from localstack.services.cloudformation.resource_provider import CloudFormationResourceProviderPlugin
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """LAMBDA_RUNTIME_EXECUTOR=process"""

    name = "process"

    def load(self, *args, **kwargs):
        from .executor import ProcessRuntimeExecutor

        return ProcessRuntimeExecutor


class LoopbackServerPlugin(RuntimeServerPlugin):
    """GATEWAY_SERVER=loopback"""

    name = "loopback"

    def load(self, *args, **kwargs):
        from .loopback_server import LoopbackServer

        return LoopbackServer()


class CustomResourcePlugin(CloudFormationResourceProviderPlugin):
    """`AWS::CloudFormation::CustomResource` and `Custom::*`"""

    name = "AWS::CloudFormation::CustomResource"

    def load(self):
        from .custom_resource import CustomResource

        self.factory = CustomResource


class UserPoolPlugin(CloudFormationResourceProviderPlugin):
    name = "AWS::Cognito::UserPool"

    def load(self):
        from .user_pool import UserPool

        self.factory = UserPool


class UserPoolClientPlugin(CloudFormationResourceProviderPlugin):
    name = "AWS::Cognito::UserPoolClient"

    def load(self):
        from .user_pool import UserPoolClient

        self.factory = UserPoolClient
