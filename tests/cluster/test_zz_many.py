import os, pytest
from tests.cluster.test_failures import under_faults
from tests.conftest import *
a,b=map(int,os.environ["SEEDS"].split("-"))
@pytest.mark.parametrize("seed", range(a,b))
def test_many(own_kafka, own_clickhouse, tmp_path, seed):
    under_faults(seed, int(os.environ.get("FAULTS","15")), own_kafka(), own_clickhouse(), tmp_path)
