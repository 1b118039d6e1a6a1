"""Opens a landing zone, to find files in it. What looks into files, or puts them there, is landing.py's: it takes long
to import, and who asks what somebody owes does not wait for it.
"""

from flybill_pipeline.stores.files.folders import in_bucket
from flybill_pipeline.stores.usage.intake.folder_zone import FolderZone
from flybill_pipeline.stores.usage.intake.zones import Zone


def zone_at(url: str) -> Zone:
    """The landing zone at an address; a folder is made where there is none."""
    if not in_bucket(url):
        return FolderZone(url)
    from flybill_pipeline.stores.usage.intake.bucket_zone import BucketZone  # where there is one

    return BucketZone(url)
