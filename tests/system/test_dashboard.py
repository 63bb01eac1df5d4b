# SPDX-License-Identifier: Apache-2.0
"""The dashboard, the alerts in the manual and its table of metrics ask for what there is: a real Prometheus reads the metrics of a real
pool and answers every query of theirs."""
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest
from metrics import scrape
from peers import free_port
from pool import PATIENCE, ROOT, eventually
from talk import Process
from test_python_module import both

DASHBOARD = ROOT / "packaging" / "grafana" / "tlspool.json"
MANUAL = ROOT / "docs" / "observability.md"
NAME = re.compile(r"tlspool_[a-z_]+")


def queries():
    found = []
    dashboard = json.loads(DASHBOARD.read_text())
    for panel in dashboard["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
    found += [(note["name"], note["expr"]) for note in dashboard["annotations"]["list"]]
    return found


def plain(expression):
    """As Grafana fills it in."""
    return expression.replace("$__rate_interval", "10s").replace("$instance", ".*")


class Prometheus:
    def __init__(self, directory, target):
        directory.mkdir()
        self.port = free_port()
        (directory / "prometheus.yml").write_text(
            f'global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: tlspool\n  static_configs:\n  - targets: ["{target}"]\n')
        self.process = Process("prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
                               f"--web.listen-address=127.0.0.1:{self.port}")

    def ask(self, expression):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as refused:
            if refused.code == 503:  # it is being started
                return []
            raise AssertionError(f"{expression}: {refused.read().decode()}") from refused
        except OSError:
            return []

    def close(self):
        self.process.__exit__()


@pytest.fixture
def watched(make_pool, monkeypatch):
    port = free_port()
    pool = make_pool(extra=f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
    pool.start()
    pool.wait_for("metrics.listening")
    monkeypatch.setenv("TLSPOOL_DIR", str(pool.directory))
    pool.target = f"127.0.0.1:{port}"
    return pool


def test_prometheus_answers_every_query(watched, place, keep):
    import tlspool

    prometheus = keep(Prometheus(place / "prometheus", watched.target))
    eventually(lambda: prometheus.ask("tlspool_build_info"))
    near, far = both(tlspool, "pool.example")
    with near, far:
        near.sendall(b"x")
        assert far.recv(1) == b"x"
        eventually(lambda: prometheus.ask("rate(tlspool_handshakes_total[10s]) > 0"))
        for title, expression in queries():
            found = prometheus.ask(plain(expression))
            # A ratio of nothing to nothing has no answer, and neither has what never happened.
            assert found or " / " in expression or " > 0" in expression, f"{title}: {expression}"
        [version] = prometheus.ask("tlspool_build_info")
        assert version["metric"]["version"]


def test_every_name_in_a_query_is_a_metric(watched):
    known = set(scrape(watched).types)
    for title, expression in queries():
        for name in NAME.findall(expression):
            assert name in known or re.sub("_(bucket|sum|count)$", "", name) in known, f"{title}: {name}"


def test_the_manual_lists_every_metric(watched):
    listed = dict(re.findall(r"^\| `(tlspool_\w+)` \| (\w+) \|", MANUAL.read_text(), re.MULTILINE))
    assert listed == scrape(watched).types


def test_every_metric_is_shown_somewhere(watched):
    shown = {re.sub("_(bucket|sum|count)$", "", name) for _, expression in queries() for name in NAME.findall(expression)}
    unseen = set(scrape(watched).types) - shown
    # What does not change, or is of use together with another tool alone.
    assert unseen <= {"tlspool_build_info", "tlspool_process_threads", "tlspool_process_virtual_memory_bytes",
                      "tlspool_process_start_time_seconds", "tlspool_metrics_requests_total"}


def test_the_alerts_of_the_manual_are_good(place):
    [rules] = re.findall(r"^```yaml\n(groups:.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    file = place / "alerts.yml"
    file.write_text(rules)
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    names = set(NAME.findall(rules))
    text = MANUAL.read_text()
    assert all(f"| `{re.sub('_bucket$', '', name)}` |" in text for name in names)


def test_panels_do_not_overlap():
    cells = set()
    ids = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not own & cells and at["x"] + at["w"] <= 24, panel["title"]
        cells |= own
        assert panel["id"] not in ids
        ids.add(panel["id"])
