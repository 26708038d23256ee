"""Every way in which a video can be refused, with the sentence that tells its owner what to do."""

from __future__ import annotations

from ml_app.detection.errors import VideoError

MESSAGES = {
    "unreadable_file": "The file could not be read. Check that it exists and may be read, then try again.",
    "empty_file": "The file is empty. The upload or the copy may have been cut off; try it again.",
    "not_a_video": (
        "This is neither a video nor a picture in a format that can be read here. Use MP4, MOV, WebM, MKV, "
        "AVI, 3GP, WMV, FLV, MPEG-TS or GIF, or for pictures JPEG, PNG, WebP, HEIC, AVIF or TIFF."
    ),
    "truncated": "The file is incomplete or damaged at its start. Download or export it again, whole.",
    "damaged_picture": "The picture is incomplete or damaged. Download or export it again, whole.",
    "unsupported_picture": "The picture is stored in a way that cannot be read here. Save it as JPEG or PNG.",
    "no_video_stream": "The file holds sound but no picture. Choose a file with a video track.",
    "no_frames": "No picture in the file could be decoded. It may be damaged; export it again.",
    "protected": "The video is copy-protected: without its key nothing can be seen. Use an unprotected copy.",
    "unsupported_codec": "The codec of the video cannot be decoded here. Convert it to H.264 in MP4.",
    "too_large": "The file is larger than allowed. Cut it to the part in question, or compress it.",
    "too_long": "The video is longer than allowed. Cut it to the part in question.",
    "too_many_pixels": "The picture is larger than allowed. Scale it down and try again.",
    "too_few_pixels": "The picture is too small to show a face. Use it in its original size.",
    "decoder_crashed": "The video made the decoder fail. Convert it to H.264 in MP4 and try again.",
    "decoder_timeout": "Decoding took too long. Cut the video to the part in question, or scale it down.",
    "decoder_out_of_memory": "Decoding needs more memory than allowed. Scale the video down and try again.",
}


def video_error(code: str, detail: str = "") -> VideoError:
    """The error of a code in `MESSAGES`.

    Raises:
        KeyError: There is no such code.
    """
    return VideoError(code, MESSAGES[code], detail)
