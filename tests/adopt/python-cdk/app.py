"""An app as people have it: a stack with the user pool, and a stack with the backend and its database.

`-c state=before` is the app before rollcall, `-c state=after` the same with the lines that adopt it.
"""
import importlib

from aws_cdk import App

from auth_stack import AuthStack

app = App()
state = app.node.try_get_context("state") or "after"
BackendStack = importlib.import_module(f"{state}.backend_stack").BackendStack

auth = AuthStack(app, "AuthStack")
BackendStack(app, "BackendStack", auth=auth)

app.synth()
