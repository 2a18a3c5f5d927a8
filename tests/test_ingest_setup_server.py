import pytest

from ingest.settings_file import SettingsError
from ingest.setup.server import Server
from tests.stub_server import StubServer, http_answer


@pytest.mark.parametrize(
    ("answers", "version"),
    [
        ([http_answer("204 No Content", "", "X-Influxdb-Version: 1.6.7~rc0")], "1.6.7~rc0"),
        ([http_answer("401 Unauthorized", "", "X-Influxdb-Version: 1.8.10")], "1.8.10"),
        ([http_answer("204 No Content", "", "X-Influxdb-Version: v2.7.12")], "2.7.12"),
        ([http_answer("200 OK", "{}", "x-influxdb-version: 3.8.0")], "3.8.0"),
        ([http_answer("401 Unauthorized"), http_answer("200 OK", "{}", "x-influxdb-version: 3.8.0")], "3.8.0"),
        ([http_answer("401 Unauthorized"), http_answer("401 Unauthorized")], "3"),
    ],
)
def test_the_version_is_what_ping_says(answers: list[bytes], version: str) -> None:
    with StubServer(answers) as stub:
        server = Server(stub.url)
        assert server.version("a-token") == version
        server.close()
        assert "authorization" not in stub.requests[0][0].lower()


@pytest.mark.parametrize("answer", [http_answer("204 No Content"), http_answer("200 OK", "hello"), b"no http\r\n\r\n"])
def test_what_is_no_influxdb_is_told(answer: bytes) -> None:
    with StubServer([answer]) as stub:
        server = Server(stub.url)
        with pytest.raises(SettingsError, match=r"^url: "):
            server.version(None)
        server.close()
