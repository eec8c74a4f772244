"""Makes what LocalStack would make at every first start: the index of its services' API models (10 s), and a certificate.

  prepare.py      run once, after LocalStack was installed; FILESYSTEM_ROOT says where the files go
"""
from localstack import config
from localstack.aws.spec import get_service_catalog
from localstack.utils.ssl import create_ssl_cert

config.dirs.mkdirs()
get_service_catalog()
create_ssl_cert()
