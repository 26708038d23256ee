"""What a sequence network must do, and what the published one does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ml_app.detection.networks.backbones import build_backbone, embed
from ml_app.detection.networks.published import PublishedConfig, PublishedHead
from ml_app.detection.networks.sequence_head import HeadConfig, SequenceHead


@pytest.fixture
def head() -> SequenceHead:
    torch.manual_seed(0)
    head = SequenceHead(HeadConfig(channels=12, projection=8, hidden=6))
    nn.init.normal_(head.temporal.weight)
    return head.eval()


def person(head: nn.Module, embeddings: Tensor) -> float:
    return float(head(embeddings[None]).persons[0].detach())


@pytest.mark.parametrize("changed", range(7))
def test_every_frame_can_change_the_output(head: SequenceHead, changed: int) -> None:
    frames = torch.randn(7, 12)
    other = frames.clone()
    other[changed] += 1
    assert abs(person(head, frames) - person(head, other)) > 1e-4


def test_the_order_of_frames_matters(head: SequenceHead) -> None:
    frames = torch.randn(7, 12)
    assert abs(person(head, frames) - person(head, frames.flip(0))) > 1e-4


def test_videos_in_a_batch_do_not_touch_each_other(head: SequenceHead) -> None:
    one, other = torch.randn(7, 12), torch.randn(4, 12)
    padded = torch.full((2, 7, 12), 99.0)  # the padding must not matter either
    padded[0], padded[1, :4] = one, other
    with torch.inference_mode():
        together = head(padded, torch.tensor([7, 4]))
    assert float(together.persons[0]) == pytest.approx(person(head, one), abs=1e-5)
    assert float(together.persons[1]) == pytest.approx(person(head, other), abs=1e-5)
    assert torch.equal(together.frames[1, 4:], torch.zeros(3))


def test_a_person_is_the_mean_of_their_frames(head: SequenceHead) -> None:
    with torch.inference_mode():
        scores = head(torch.randn(1, 7, 12))
    assert float(scores.persons[0]) == pytest.approx(float(scores.frames.mean()), abs=1e-6)


def test_an_untrained_head_does_not_look_at_time() -> None:
    head = SequenceHead(HeadConfig(channels=12, projection=8, hidden=6))
    frames = torch.randn(7, 12)
    assert person(head, frames) == pytest.approx(person(head, frames.flip(0)), abs=1e-6)


def test_the_published_head_hangs_on_the_last_frame_alone() -> None:
    head = PublishedHead(PublishedConfig(channels=12, hidden=6))
    frames = torch.randn(7, 12)
    other = frames.clone()
    other[:-1] += 1
    assert person(head, frames) == pytest.approx(person(head, other), abs=1e-6)
    other[-1] += 1
    assert abs(person(head, frames) - person(head, other)) > 1e-4


def test_the_published_head_with_people_of_different_lengths() -> None:
    head = PublishedHead(PublishedConfig(channels=12, hidden=6))
    frames = torch.randn(2, 7, 12)
    scores = head(frames, torch.tensor([7, 4]))
    assert torch.equal(scores.persons, torch.stack([scores.frames[0, 6], scores.frames[1, 3]]))
    assert torch.equal(scores.frames[1, 4:], torch.zeros(3))


def test_the_backbone_gives_2048_channels_at_a_32nd_of_the_size() -> None:
    with torch.inference_mode():
        features = build_backbone("resnext50_32x4d").eval()(torch.randn(1, 3, 64, 96))
    assert features.shape == (1, 2048, 2, 3)
    assert torch.allclose(embed(features)[0], features[0].mean(dim=(1, 2)), atol=1e-6)


@pytest.mark.parametrize("name", ["resnext50_32x4d", "resnet50"])
def test_residual_networks_are_those_of_torchvision(name: str) -> None:
    from torchvision import models

    theirs = nn.Sequential(*list(getattr(models, name)(weights=None).children())[:-2]).eval()
    own = build_backbone(name).eval()
    own.load_state_dict(theirs.state_dict())
    pictures = torch.randn(2, 3, 80, 80)
    with torch.inference_mode():
        assert torch.equal(own(pictures), theirs(pictures))
    first = (network[0].weight.std().item() for network in (build_backbone(name), theirs))
    assert next(first) == pytest.approx(next(first), rel=0.05)  # random weights of the same size
