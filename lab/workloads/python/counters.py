"""What the program felt; the same JSON as in Go."""
import json
import ssl
import threading
import time

ERRORS_KEPT = 20


class HttpFailure(Exception):
    def __init__(self, status, body):
        super().__init__(f"HTTP {status}: {body[:160]}")
        self.status = status


def now_ms():
    return int(time.time() * 1000)


def classify(error):
    """Names the kind of a failure, in the words that all three languages use."""
    if isinstance(error, HttpFailure) and error.status in (401, 403):
        return str(error.status)
    if isinstance(error, ssl.SSLCertVerificationError):
        return "x509"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, (OSError, EOFError)) or type(error).__module__ == "http.client":
        return "connection"
    return "other"


def empty_activity():
    return {"ok": 0, "failed": 0, "byClass": {}, "failingSince": 0, "longestFailureMs": 0, "longestFailureAt": 0,
            "lastOkAt": 0, "events": 0, "longestSilenceMs": 0}


def lengthen(activity):
    lasted = now_ms() - activity["failingSince"]
    if lasted > activity["longestFailureMs"]:
        activity["longestFailureMs"] = lasted
        activity["longestFailureAt"] = activity["failingSince"]


class Counters:
    def __init__(self, identity):
        self.identity = identity
        self.started_at = now_ms()
        self.ended_by = ""
        self.errors = []
        self.activities = {name: empty_activity() for name in ("write", "watch", "fresh")}
        self.lock = threading.Lock()

    def succeeded(self, name):
        with self.lock:
            activity = self.activities[name]
            activity["ok"] += 1
            activity["lastOkAt"] = now_ms()
            if activity["failingSince"] > 0:
                lengthen(activity)
                activity["failingSince"] = 0

    def failed(self, name, began, error):
        with self.lock:
            activity, kind = self.activities[name], classify(error)
            activity["failed"] += 1
            activity["byClass"][kind] = activity["byClass"].get(kind, 0) + 1
            if activity["failingSince"] == 0:
                activity["failingSince"] = began
            lengthen(activity)
            text = f"{type(error).__name__} {error}"[:240]
            self.errors = (self.errors + [{"at": now_ms(), "activity": name, "class": kind, "text": text}])[-ERRORS_KEPT:]

    def heard(self, silence_ms):
        with self.lock:
            watch = self.activities["watch"]
            watch["events"] += 1
            watch["longestSilenceMs"] = max(watch["longestSilenceMs"], silence_ms)

    def is_failing(self):
        """Whether the last try of any activity failed."""
        with self.lock:
            return any(activity["failingSince"] > 0 for activity in self.activities.values())

    def json(self):
        with self.lock:
            failing = [activity for activity in self.activities.values() if activity["failingSince"] > 0]
            for activity in failing:
                lengthen(activity)
            return json.dumps({**self.identity, "startedAt": self.started_at, "at": now_ms(), "endedBy": self.ended_by,
                               "recovered": not failing, "activities": self.activities, "errors": self.errors})
