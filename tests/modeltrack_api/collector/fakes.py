"""Fake OpenCost and AWS on loopback, with answers in the shapes that the real ones were seen to use."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

JSON = "application/json"
AMZ_JSON = "application/x-amz-json-1.1"
Answer = tuple[int, str, bytes]


class FakeServer:
    """A server whose `answer` makes the answer to a request; a test may replace it. `asked` has queries and bodies."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.hold = threading.Event()  # while it is set, requests wait
        self.released = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fake.hold.is_set():
                    fake.asked.append(self.path)
                    fake.released.wait()
                status, kind, answer = fake.answer(self, body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = _serve

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        raise NotImplementedError

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def pod(namespace: str, name: str, total: float | None, **more: Any) -> dict[str, Any]:
    """Return an entry with the members of opencost/core/pkg/opencost/allocation_json.go that matter and some others."""
    properties = {
        "cluster": "cluster-one",
        "node": "ip-10-2-16-238.eu-west-1.compute.internal",
        "controller": name.rsplit("-", 1)[0],
        "controllerKind": "deployment",
        "namespace": namespace,
        "pod": name,
        "services": [name.split("-")[0]],
        "providerID": "i-0b3f33ad2eaffb98e",
        "labels": {"topology_kubernetes_io_region": "eu-west-1"},
    } | more.pop("properties", {})
    return {
        "name": f"cluster-one/{namespace}/{name}",
        "properties": {key: value for key, value in properties.items() if value is not None},
        "window": {"start": "2026-11-24T10:00:00Z", "end": "2026-11-24T11:00:00Z"},
        "start": "2026-11-24T10:00:00Z",
        "end": "2026-11-24T11:00:00Z",
        "minutes": 60,
        "cpuCores": 0.5,
        "cpuCost": 0.01581,
        "cpuCostAdjustment": 0.001,
        "gpuCount": 0,
        "gpuHours": 0,
        "gpuCost": 0,
        "ramCost": 0.00212,
        "pvCost": 0,
        "pvs": None,
        "networkCost": 0,
        "loadBalancerCost": 0,
        "sharedCost": 0,
        "externalCost": 0,
        "totalCost": total,
        "totalEfficiency": 0.42,
        "rawAllocationOnly": None,
        "lbAllocations": None,
    } | more


def idle(total: float) -> dict[str, Any]:
    entry = pod("", "__idle__", total)
    return entry | {"name": "cluster-one/__idle__", "properties": {"cluster": "cluster-one"}}


def unmounted(total: float) -> dict[str, Any]:
    names = {"controller": None, "controllerKind": None, "namespace": "__unmounted__", "pod": "__unmounted__"}
    return pod("__unmounted__", "__unmounted__", total, properties=names)


class FakeOpenCost(FakeServer):
    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []
        self.reply: Answer | None = None
        """If set, the answer instead of the entries."""

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        parts = urlsplit(request.path)
        self.asked.append({name: values[0] for name, values in parse_qs(parts.query).items()})
        if parts.path != "/allocation/compute":
            return 404, "text/plain", b"404 page not found\n"
        if self.reply:
            return self.reply
        return 200, JSON, json.dumps({"code": 200, "data": [{each["name"]: each for each in self.entries}]}).encode()


class FakeAws(FakeServer):
    """A fake Cost Explorer and CloudWatch (JSON) and EC2 (query and XML) at one address."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        self.asked.clear()
        self.days: dict[str, list[list[dict[str, Any]]]] = {}
        """The pages of each day; a page is a list of groups."""
        self.estimated = False
        self.reply: Answer | None = None
        """If set, Cost Explorer's answer instead of the days."""
        self.gpus: list[dict[str, Any]] = []
        """Metrics of GPUs: dimensions, namespace, name, and the hour's average."""
        self.machines: list[dict[str, Any]] = []
        self.page_size = 500

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        target = request.headers.get("X-Amz-Target")
        if not target:
            return self._ec2({name: values[0] for name, values in parse_qs(body.decode()).items()})
        operations: dict[str, Callable[[Any], Answer]] = {
            "AWSInsightsIndexService.GetCostAndUsage": self._costs,
            "GraniteServiceVersion20100801.ListMetrics": self._metrics,
            "GraniteServiceVersion20100801.GetMetricData": self._values,
        }
        return operations[target](json.loads(body))

    def _costs(self, asked: dict[str, Any]) -> Answer:
        self.asked.append(asked)
        if self.reply:
            return self.reply
        pages = self.days.get(asked["TimePeriod"]["Start"], [[]])
        number = int(asked.get("NextPageToken", 0))
        found = {
            "GroupDefinitions": asked["GroupBy"],
            "ResultsByTime": [
                {
                    "TimePeriod": asked["TimePeriod"],
                    "Total": {},
                    "Groups": pages[number],
                    "Estimated": self.estimated,
                }
            ],
            "DimensionValueAttributes": [],
        }
        if number + 1 < len(pages):
            found["NextPageToken"] = str(number + 1)
        return 200, AMZ_JSON, json.dumps(found).encode()

    def _metrics(self, asked: dict[str, Any]) -> Answer:
        found = [
            {
                "Namespace": gpu["namespace"],
                "MetricName": gpu["metric"],
                "Dimensions": [{"Name": name, "Value": value} for name, value in gpu["dimensions"].items()],
            }
            for gpu in self.gpus
            if (gpu["namespace"], gpu["metric"]) == (asked["Namespace"], asked["MetricName"])
        ]
        start = int(asked.get("NextToken", 0))
        end = start + self.page_size
        more = {"NextToken": str(end)} if end < len(found) else {}
        return 200, AMZ_JSON, json.dumps({"Metrics": found[start:end]} | more).encode()

    def _values(self, asked: dict[str, Any]) -> Answer:
        self.asked.append(asked)
        assert len(asked["MetricDataQueries"]) <= 500
        results = []
        for query in asked["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            [gpu] = [gpu for gpu in self.gpus if gpu["dimensions"] == dimensions]
            values = [] if gpu["percent"] is None else [gpu["percent"]]
            results.append(
                {
                    "Id": query["Id"],
                    "Label": metric["MetricName"],
                    "Timestamps": [asked["StartTime"] for _ in values],
                    "Values": values,
                    "StatusCode": "Complete",
                }
            )
        start = int(asked.get("NextToken", 0))
        end = start + self.page_size
        more = {"NextToken": str(end)} if end < len(results) else {}
        return 200, AMZ_JSON, json.dumps({"MetricDataResults": results[start:end]} | more).encode()

    def _ec2(self, asked: dict[str, str]) -> Answer:
        self.asked.append(asked)
        wanted = {value for name, value in asked.items() if name.startswith("Filter.1.Value")}
        items = "".join(
            f"<item><reservationId>r-1</reservationId><instancesSet><item><instanceId>{each['id']}</instanceId>"
            f"<instanceType>{each['type']}</instanceType>"
            "<placement><availabilityZone>eu-west-1a</availabilityZone></placement><tagSet>"
            + "".join(f"<item><key>{k}</key><value>{v}</value></item>" for k, v in each["tags"].items())
            + "</tagSet></item></instancesSet></item>"
            for each in self.machines
            if each["id"] in wanted
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId>'
            f"<reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
        )
        return 200, "text/xml", text.encode()


def group(service: str, team: str, amount: str, unit: str = "USD") -> dict[str, Any]:
    return {"Keys": [service, f"team${team}"], "Metrics": {"UnblendedCost": {"Amount": amount, "Unit": unit}}}


def agent_gpu(instance: str, index: int, percent: float | None) -> dict[str, Any]:
    """Return what the CloudWatch agent reports about one GPU."""
    dimensions = {
        "InstanceId": instance,
        "ImageId": "ami-0abc",
        "InstanceType": "g4dn.12xlarge",
        "index": str(index),
        "name": "Tesla T4",
        "arch": "Turing",
    }
    return {
        "namespace": "CWAgent",
        "metric": "nvidia_smi_utilization_gpu",
        "dimensions": dimensions,
        "percent": percent,
    }


def pod_gpu(namespace: str, pod_name: str, device: str, percent: float | None) -> dict[str, Any]:
    """Return what Container Insights reports about one GPU of a pod."""
    dimensions = {
        "ClusterName": "prod",
        "Namespace": namespace,
        "PodName": pod_name.rsplit("-", 1)[0],
        "FullPodName": pod_name,
        "ContainerName": "main",
        "GpuDevice": device,
    }
    return {
        "namespace": "ContainerInsights",
        "metric": "pod_gpu_utilization",
        "dimensions": dimensions,
        "percent": percent,
    }
