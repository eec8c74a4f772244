"""The backend, and the login of the database that it reads users from."""
from aws_cdk import Stack, aws_secretsmanager as secretsmanager, aws_sqs as sqs
from constructs import Construct

from auth_stack import AuthStack


class BackendStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, auth: AuthStack) -> None:
        super().__init__(scope, construct_id)
        self.jobs = sqs.Queue(self, "Jobs")
        self.login = secretsmanager.Secret.from_secret_name_v2(self, "Login", "app/database")
