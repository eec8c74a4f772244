"""What LocalStack 4.13.1 needs to be rollcall's local stack without Docker.

  __main__.py         what is started: LocalStack, with the patches
  plugins.py          what LocalStack finds by entry point (the `.dist-info` folder beside this package)
  executor.py         LAMBDA_RUNTIME_EXECUTOR=process: one function environment is one local process
  sandbox.py          one life of such a process: start, output, end
  runtime_api.py      the Lambda Runtime API that the process talks to
  loopback_server.py  GATEWAY_SERVER=loopback: listen on the host that GATEWAY_LISTEN names
  custom_resource.py  CloudFormation's custom resources, which call functions
  user_pool.py        CloudFormation's user pools, in the Cognito that the functions talk to
  rollback.py         CloudFormation takes back a creation or an update that failed
  patches.py          corrections to LocalStack itself, each with its reason

Nothing is installed: the folder above is on PYTHONPATH, so an edit takes effect at the next start.
"""
